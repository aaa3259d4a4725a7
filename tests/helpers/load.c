/* Uses one resource and says how much of it it got; what is refused is said with its errno. SIZE and BLOCK
 * are in bytes. The line that is written:
 *
 *   load spin SECONDS [THREADS]
 *           spun LOOPS: processor time, in every thread
 *   load cpus
 *           cpus COUNT LIST: processors it may run on
 *   load touch MIB [SECONDS]
 *           touched KIB, after each 256: private memory, which it then holds
 *   load huge MIB [SECONDS]
 *           mapped MIB ERRNO: memory of huge pages of 2 MiB, which it then holds
 *   load fork COUNT [SECONDS]
 *           forked COUNT ERRNO: processes that sleep
 *   load threads COUNT
 *           threads COUNT ERRNO: threads that sleep
 *   load read|write FILE SIZE BLOCK SECONDS
 *           moved BYTES CALLS MICROSECONDS: the file past the page cache, over and over
 *   load names DIRECTORY COUNT
 *           made COUNT ERRNO: empty files
 *   load misses DIRECTORY COUNT
 *           missed COUNT: names that are looked for and are not there
 *   load work SECONDS FILE
 *           worked ROUNDS MICROSECONDS, every 20 ms, the latter of the monotonic clock: what a decent server
 *           does; it computes, walks over its memory, reads its file with and without the page cache, talks
 *           over a socket */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1024 * 1024, PAGE = 4096 };

static double now(void)
{
        struct timespec at;

        (void)clock_gettime(CLOCK_MONOTONIC, &at);
        return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void hold(const char *seconds)
{
        double until = now() + (seconds ? atof(seconds) : 0);

        while (now() < until)
                (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static int die(const char *what)
{
        perror(what);
        return 1;
}

/* Work that no compiler can leave out and no memory slows down. */
static uint64_t compute(uint64_t state, int loops)
{
        for (int i = 0; i < loops; i++)
                state = state * 6364136223846793005U + 1442695040888963407U;
        return state;
}

static double spin_until;
static volatile uint64_t sink;

static void *spin_thread(void *count)
{
        uint64_t loops = 0;

        while (now() < spin_until) {
                sink = compute(loops, 10000);
                loops++;
        }
        *(uint64_t *)count = loops;
        return NULL;
}

static int spin(const char *seconds, int threads)
{
        pthread_t ids[64];
        uint64_t loops[64] = {0}, sum = 0;

        spin_until = now() + atof(seconds);
        for (int i = 0; i < threads && i < 64; i++)
                if (pthread_create(&ids[i], NULL, spin_thread, &loops[i]) != 0)
                        return die("pthread_create");
        for (int i = 0; i < threads && i < 64; i++) {
                (void)pthread_join(ids[i], NULL);
                sum += loops[i];
        }
        printf("spun %llu\n", (unsigned long long)sum);
        return 0;
}

static int cpus(void)
{
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return die("sched_getaffinity");
        printf("cpus %d ", CPU_COUNT(&set));
        for (int cpu = 0, first = 1; cpu < CPU_SETSIZE; cpu++)
                if (CPU_ISSET(cpu, &set)) {
                        printf("%s%d", first ? "" : ",", cpu);
                        first = 0;
                }
        printf("\n");
        return 0;
}

static char *touch(long mib, bool tell)
{
        char *memory = mmap(NULL, (size_t)mib * MIB, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (memory == MAP_FAILED)
                return NULL;
        (void)madvise(memory, (size_t)mib * MIB, MADV_NOHUGEPAGE);
        for (long page = 0; page < mib * (MIB / PAGE); page++) {
                memset(memory + page * PAGE, (int)page | 1, PAGE);
                if (tell && (page + 1) % 64 == 0)
                        printf("touched %ld\n", (page + 1) * (PAGE / 1024));
        }
        return memory;
}

/* One mapping for each page, because the kernel reserves for the whole of a mapping at once. */
static int huge(long mib, const char *seconds)
{
        long mapped = 0;
        int failed = 0;

        for (; mapped < mib; mapped += 2) {
                char *page = mmap(NULL, 2UL * MIB, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

                if (page == MAP_FAILED) {
                        failed = errno;
                        break;
                }
                *page = 1; /* a refusal by the cgroup is SIGBUS here */
                printf("mapped %ld 0\n", mapped + 2);
        }
        if (failed)
                printf("mapped %ld %d\n", mapped, failed);
        hold(seconds);
        return 0;
}

static int forks(long count, const char *seconds)
{
        long made = 0;
        int failed = 0;

        for (; made < count; made++) {
                pid_t pid = fork();

                if (pid < 0) {
                        failed = errno;
                        break;
                }
                if (pid == 0) {
                        hold(seconds ? seconds : "5");
                        _exit(0);
                }
        }
        printf("forked %ld %d\n", made, failed);
        hold(seconds);
        return 0;
}

static void *sleeper(void *unused)
{
        (void)pause();
        return unused;
}

static int threads(long count)
{
        pthread_attr_t small;
        long made = 0;
        int failed = 0;

        (void)pthread_attr_init(&small);
        (void)pthread_attr_setstacksize(&small, 65536);
        for (; made < count && !failed; made += !failed) {
                pthread_t id;

                failed = pthread_create(&id, &small, sleeper, NULL);
        }
        printf("threads %ld %d\n", made, failed);
        return 0;
}

static int move(bool writes, const char *file, long long size, size_t block, const char *seconds)
{
        int fd = open(file, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
        long long bytes = 0, calls = 0;
        double begin, end;
        char *buffer;

        if (fd < 0)
                return die(file);
        buffer = aligned_alloc(PAGE, block);
        if (!buffer)
                return die("aligned_alloc");
        memset(buffer, 'x', block);
        begin = now();
        end = begin + atof(seconds);
        while (now() < end) {
                off_t at = (off_t)(bytes % size);
                ssize_t moved = writes ? pwrite(fd, buffer, block, at) : pread(fd, buffer, block, at);

                if (moved <= 0)
                        return die(writes ? "pwrite" : "pread");
                bytes += moved;
                calls++;
        }
        printf("moved %lld %lld %.0f\n", bytes, calls, (now() - begin) * 1e6);
        return 0;
}

static int names(const char *directory, long count, bool make)
{
        long done = 0;
        int failed = 0;

        if (chdir(directory) < 0)
                return die(directory);
        for (; done < count; done++) {
                char name[32];
                struct stat found;

                (void)snprintf(name, sizeof(name), "name-%ld", done);
                if (!make) {
                        (void)stat(name, &found);
                        continue;
                }
                if (mknod(name, S_IFREG | 0600, 0) < 0) {
                        failed = errno;
                        break;
                }
        }
        if (make)
                printf("made %ld %d\n", done, failed);
        else
                printf("missed %ld\n", done);
        return 0;
}

/* Where a round of work reads and writes. */
struct workplace {
        int cached, direct, pair[2];
        char *memory, *buffer;
};

enum { WALK = 4 * MIB, READ = 65536, ROUNDS_PER_DIRECT_READ = 16 };

static bool open_workplace(struct workplace *at, const char *file)
{
        at->cached = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        at->memory = malloc(WALK);
        at->buffer = aligned_alloc(PAGE, READ);
        if (at->cached < 0 || !at->memory || !at->buffer ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, at->pair) < 0)
                return false;
        memset(at->buffer, 'x', READ);
        memset(at->memory, 1, WALK);
        if (pwrite(at->cached, at->buffer, READ, 0) != READ || fsync(at->cached) < 0)
                return false;
        at->direct = open(file, O_RDONLY | O_DIRECT | O_CLOEXEC);
        return at->direct >= 0;
}

static bool work_round(const struct workplace *at, long long round)
{
        sink = compute((uint64_t)round, 20000);
        for (int page = 0; page < WALK / PAGE; page++)
                at->memory[page * PAGE]++;
        if (round % ROUNDS_PER_DIRECT_READ == 0 && pread(at->direct, at->buffer, PAGE, 0) != PAGE)
                return false;
        return pread(at->cached, at->buffer, READ, 0) == READ &&
               write(at->pair[0], at->buffer, PAGE) == PAGE && read(at->pair[1], at->buffer, PAGE) == PAGE;
}

static int work(const char *seconds, const char *file)
{
        double until = now() + atof(seconds), told = 0, at;
        struct workplace place = {0};

        if (!open_workplace(&place, file))
                return die("work");
        for (long long rounds = 0; (at = now()) < until; rounds++) {
                if (at - told >= 0.02) {
                        printf("worked %lld %.0f\n", rounds, at * 1e6);
                        told = at;
                }
                if (!work_round(&place, rounds))
                        return die("work");
        }
        return 0;
}

int main(int argc, char **argv)
{
        const char *what = argc > 1 ? argv[1] : "";
        const char *third = argc > 3 ? argv[3] : NULL;
        bool writes = strcmp(what, "write") == 0;

        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        if (strcmp(what, "cpus") == 0)
                return cpus();
        if (argc > 2 && strcmp(what, "spin") == 0)
                return spin(argv[2], third ? atoi(third) : 1);
        if (argc > 2 && strcmp(what, "touch") == 0) {
                if (!touch(atol(argv[2]), true))
                        return die("mmap");
                hold(third);
                return 0;
        }
        if (argc > 2 && strcmp(what, "huge") == 0)
                return huge(atol(argv[2]), third);
        if (argc > 2 && strcmp(what, "fork") == 0)
                return forks(atol(argv[2]), third);
        if (argc > 2 && strcmp(what, "threads") == 0)
                return threads(atol(argv[2]));
        if (argc > 5 && (writes || strcmp(what, "read") == 0))
                return move(writes, argv[2], atoll(argv[3]), (size_t)atoll(argv[4]), argv[5]);
        if (argc > 3 && (strcmp(what, "names") == 0 || strcmp(what, "misses") == 0))
                return names(argv[2], atol(argv[3]), strcmp(what, "names") == 0);
        if (argc > 3 && strcmp(what, "work") == 0)
                return work(argv[2], argv[3]);
        (void)fprintf(stderr, "load: see load.c\n");
        return 2;
}
