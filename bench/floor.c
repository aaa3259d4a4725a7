/* The floor of a start: the system calls that the namespaces and mounts of a server take, straight after one
 * another in one C program, without a plan, a supervisor, a console, masks, capabilities or a seccomp filter.
 *
 *   floor RUNS ROOTFS LAYER CGROUP INIT [FILE VALUE…]     ROOTFS: read-only root; LAYER holds upper and work;
 * CGROUP: a cgroup2 directory
 *
 * With pairs of FILE and VALUE what a start with limits does in the cgroup tree is part of it: CGROUP is
 * made, each value is written to its file in there, and init is born in CGROUP/payload. A FILE that ends in a
 * slash is a directory to be made. All of it is removed after each run, which is not timed.
 *
 *   floor -k COUNT ROOTFS LAYERS CGROUP INIT                  as many that stay, each with a layer of its own
 * below LAYERS and a pair of interfaces, one of which is the host's; INIT is told to sleep
 *
 * Prints one line a run: microseconds from before the first fork until init's exec has succeeded. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/mount.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ID_BASE = 1879048192, IDS = 65536 };

struct places {
        const char *rootfs, *layer, *cgroup, *init;
        char **writes; /* pairs, a null word at the end */
        int kept;      /* number of one that stays; 0: ends at once */
};

#define CHECK(call)                                                                                          \
        do {                                                                                                 \
                if ((long)(call) < 0) {                                                                      \
                        (void)fprintf(stderr, "floor: %s: %s\n", #call, strerror(errno));                    \
                        _exit(1);                                                                            \
                }                                                                                            \
        } while (0)

static int64_t now_us(void)
{
        struct timespec now;

        CHECK(clock_gettime(CLOCK_MONOTONIC, &now));
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static pid_t clone_with(uint64_t flags, int cgroup)
{
        struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};

        if (cgroup >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t)cgroup;
        }
        return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static void write_map(pid_t pid, const char *name)
{
        char path[64], text[64];
        int length = snprintf(text, sizeof(text), "0 %u %u\n", ID_BASE, IDS), fd;

        (void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
        CHECK(fd = open(path, O_WRONLY));
        CHECK(write(fd, text, (size_t)length));
        CHECK(close(fd));
}

/* A user namespace for the id-mapped mounts, held by descriptor. */
static int make_user_namespace(void)
{
        char path[64];
        int held;
        pid_t holder = clone_with(CLONE_NEWUSER, -1);

        if (holder == 0) {
                (void)pause();
                _exit(0);
        }
        CHECK(holder);
        write_map(holder, "uid_map");
        write_map(holder, "gid_map");
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", holder);
        CHECK(held = open(path, O_RDONLY | O_CLOEXEC));
        CHECK(kill(holder, SIGKILL));
        CHECK(waitpid(holder, NULL, 0));
        return held;
}

static void attach_shifted(const char *source, const char *target, int user_ns, uint64_t flags)
{
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP | flags, .userns_fd = (uint64_t)user_ns};
        int tree;

        CHECK(tree = (int)syscall(SYS_open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
        CHECK(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)));
        CHECK(mkdir(target, 0755));
        CHECK(syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH));
        CHECK(close(tree));
}

static void build_root(const struct places *places, int user_ns)
{
        static const unsigned nodes[][2] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}};
        char name[32];

        CHECK(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL));
        CHECK(mount("floor", "/mnt", "tmpfs", 0, "mode=755"));
        CHECK(chdir("/mnt"));
        attach_shifted(places->rootfs, "lower", user_ns, MOUNT_ATTR_RDONLY);
        attach_shifted(places->layer, "own", user_ns, 0);
        CHECK(mkdir("root", 0755));
        CHECK(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
        (void)setfsgid(ID_BASE);
        (void)setfsuid(ID_BASE);
        CHECK(mount("floor", "root", "overlay", 0, "lowerdir=lower,upperdir=own/upper,workdir=own/work"));
        CHECK(mount("floor", "root/dev", "tmpfs", MS_NOSUID, "mode=755,uid=1879048192,gid=1879048192"));
        for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
                (void)snprintf(name, sizeof(name), "root/dev/node%zu", i);
                CHECK(mknod(name, S_IFCHR | 0666, makedev(nodes[i][0], nodes[i][1])));
        }
        CHECK(mkdir("root/dev/pts", 0755));
        CHECK(mkdir("root/dev/shm", 01777));
        CHECK(mkdir("root/dev/mqueue", 01777));
}

/* Situation: pid 1 of the new namespaces, root of the new user namespace. */
static void become_init(const struct places *places, int go)
{
        char byte;

        if (read(go, &byte, 1) != 1)
                _exit(1);
        CHECK(setresgid(0, 0, 0));
        CHECK(setresuid(0, 0, 0));
        CHECK(unshare(CLONE_NEWCGROUP));
        CHECK(mount("floor", "root/dev/pts", "devpts", MS_NOSUID, "newinstance,ptmxmode=666,mode=620"));
        CHECK(mount("floor", "root/dev/shm", "tmpfs", MS_NOSUID, "mode=1777"));
        CHECK(mount("floor", "root/dev/mqueue", "mqueue", MS_NOSUID, NULL));
        CHECK(mount("floor", "root/proc", "proc", MS_NOSUID, NULL));
        CHECK(mount("floor", "root/sys", "sysfs", MS_NOSUID | MS_RDONLY, NULL));
        CHECK(mount("floor", "root/sys/fs/cgroup", "cgroup2", MS_NOSUID, NULL));
        CHECK(mount("floor", "root/run", "tmpfs", MS_NOSUID, "mode=755"));
        CHECK(sethostname("floor", 5));
        CHECK(mount("root", "root", NULL, MS_BIND | MS_REC, NULL));
        CHECK(chdir("root"));
        CHECK(syscall(SYS_pivot_root, ".", "."));
        CHECK(umount2(".", MNT_DETACH));
        CHECK(chdir("/"));
        if (places->kept) {
                int null;

                CHECK(null = open("/dev/node0", O_RDWR));
                for (int fd = 0; fd <= 2; fd++)
                        CHECK(dup2(null, fd));
                CHECK(execl(places->init, places->init, "sleep", "86400", NULL));
        }
        CHECK(execl(places->init, places->init, "true", NULL));
}

static void write_value(int directory, const char *name, const char *value)
{
        int fd;

        CHECK(fd = openat(directory, name, O_WRONLY | O_CLOEXEC));
        CHECK(write(fd, value, strlen(value)));
        CHECK(close(fd));
}

static bool is_directory(const char *name)
{
        return name[strlen(name) - 1] == '/';
}

/* Returns the group that init is born in. */
static int make_group(const struct places *places)
{
        int top, payload;

        if (!places->writes[0]) {
                CHECK(top = open(places->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
                return top;
        }
        CHECK(mkdir(places->cgroup, 0755));
        CHECK(top = open(places->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        for (char **pair = places->writes; *pair; pair += 2) {
                if (is_directory(pair[0]))
                        CHECK(mkdirat(top, pair[0], 0755));
                else
                        write_value(top, pair[0], pair[1]);
        }
        CHECK(payload = openat(top, "payload", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        CHECK(close(top));
        return payload;
}

/* A group is busy for a moment after its last process was reaped. */
static void remove_group(const struct places *places)
{
        char path[4096];

        if (!places->writes[0])
                return;
        for (char **pair = places->writes; *pair; pair += 2) {
                if (!is_directory(pair[0]))
                        continue;
                (void)snprintf(path, sizeof(path), "%s/%s", places->cgroup, pair[0]);
                for (int i = 0; rmdir(path) < 0 && errno == EBUSY && i < 1000; i++)
                        (void)usleep(1000);
        }
        CHECK(rmdir(places->cgroup));
}

struct request {
        struct nlmsghdr header;
        struct ifinfomsg link;
        char attributes[256];
};

/* Returns it, for one that others are put into: `close_attribute` then. */
static struct rtattr *put(struct request *request, unsigned short type, const void *value, size_t size)
{
        struct rtattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

        attribute->rta_type = type;
        attribute->rta_len = (unsigned short)RTA_LENGTH(size);
        if (size > 0)
                memcpy(RTA_DATA(attribute), value, size);
        request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + (unsigned)RTA_LENGTH(size);
        return attribute;
}

static void close_attribute(const struct request *request, struct rtattr *attribute)
{
        attribute->rta_len =
                (unsigned short)((const char *)request + request->header.nlmsg_len - (char *)attribute);
}

static void ask(int netlink, struct request *request)
{
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char rest[512];
        } answer;

        CHECK(send(netlink, request, request->header.nlmsg_len, 0));
        CHECK(recv(netlink, &answer, sizeof(answer), 0));
        errno = -answer.error.error;
        CHECK(errno == 0 ? 0 : -1);
}

static struct request link_request(unsigned short flags)
{
        return (struct request){
                .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                           .nlmsg_type = RTM_NEWLINK,
                           .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags)}};
}

/* One end is the host's and up, the other is born in the namespace of `init`. */
static void make_link(int number, pid_t init)
{
        struct request request = link_request(NLM_F_CREATE | NLM_F_EXCL), up = link_request(0);
        struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
        struct rtattr *info, *data, *end;
        int netlink;
        char name[IFNAMSIZ];

        (void)snprintf(name, sizeof(name), "floor%d", number);
        CHECK(netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
        (void)put(&request, IFLA_IFNAME, name, strlen(name) + 1);
        info = put(&request, IFLA_LINKINFO, NULL, 0);
        (void)put(&request, IFLA_INFO_KIND, "veth", 4);
        data = put(&request, IFLA_INFO_DATA, NULL, 0);
        end = put(&request, VETH_INFO_PEER, &peer, sizeof(peer));
        (void)put(&request, IFLA_IFNAME, "eth0", 5);
        (void)put(&request, IFLA_NET_NS_PID, &init, sizeof(init));
        close_attribute(&request, end);
        close_attribute(&request, data);
        close_attribute(&request, info);
        ask(netlink, &request);
        up.link.ifi_flags = up.link.ifi_change = IFF_UP;
        (void)put(&up, IFLA_IFNAME, name, strlen(name) + 1);
        ask(netlink, &up);
        CHECK(close(netlink));
}

static _Noreturn void start(const struct places *places, int done)
{
        int go[2], cgroup = make_group(places), user_ns = make_user_namespace();
        pid_t init;

        CHECK(pipe2(go, O_CLOEXEC));
        CHECK(unshare(CLONE_NEWNS));
        build_root(places, user_ns);
        (void)setfsuid(0);
        (void)setfsgid(0);
        init = clone_with(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                                  CLONE_NEWNET,
                          cgroup);
        if (init == 0)
                become_init(places, go[0]);
        CHECK(init);
        write_map(init, "uid_map");
        write_map(init, "gid_map");
        if (places->kept)
                make_link(places->kept, init);
        CHECK(write(go[1], "g", 1));
        CHECK(close(done)); /* init's exec closes the last copy */
        if (!places->kept)
                CHECK(waitpid(init, NULL, 0));
        _exit(0);
}

static int64_t run(const struct places *places)
{
        int done[2], status;
        char byte;
        int64_t begin = now_us(), end;
        pid_t starter;

        CHECK(pipe2(done, O_CLOEXEC));
        starter = fork();
        CHECK(starter);
        if (starter == 0) {
                CHECK(close(done[0]));
                start(places, done[1]);
        }
        CHECK(close(done[1]));
        CHECK(read(done[0], &byte, 1));
        end = now_us();
        CHECK(close(done[0]));
        CHECK(waitpid(starter, &status, 0));
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                _exit(1);
        remove_group(places);
        return end - begin;
}

static void make_directory(const char *parent, int number, const char *name)
{
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/%d%s", parent, number, name);
        CHECK(mkdir(path, 0755));
}

static int crowd(int count, char **argv)
{
        for (int i = 1; i <= count; i++) {
                char layer[4096];
                struct places places = {argv[0], layer, argv[2], argv[3], &argv[4], i};
                int64_t begin = now_us();

                (void)snprintf(layer, sizeof(layer), "%s/%d", argv[1], i);
                make_directory(argv[1], i, "");
                make_directory(argv[1], i, "/upper");
                make_directory(argv[1], i, "/work");
                (void)run(&places);
                (void)printf("%lld\n", (long long)(now_us() - begin));
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct places places;

        if (argc == 7 && strcmp(argv[1], "-k") == 0)
                return crowd(atoi(argv[2]), argv + 3);

        if (argc < 6 || argc % 2) {
                (void)fprintf(stderr, "usage: floor RUNS ROOTFS LAYER CGROUP INIT [FILE VALUE…]\n"
                                      "       floor -k COUNT ROOTFS LAYERS CGROUP INIT\n");
                return 2;
        }
        places = (struct places){argv[2], argv[3], argv[4], argv[5], argv + 6, 0};
        for (int i = atoi(argv[1]); i > 0; i--)
                (void)printf("%lld\n", (long long)run(&places));
        return 0;
}
