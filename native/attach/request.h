/* What TypeScript asks for: the words at descriptor 3, and a script at descriptor 4 if they name one.
 *
 *   vps-attach 1
 *   set KEY VALUE …   see `keys` in request.c
 *   env NAME=VALUE …  added to the fresh environment, later ones win
 *   arg WORD …        the command; none: the user's shell
 *   end
 */
#ifndef VPS_ATTACH_REQUEST_H
#define VPS_ATTACH_REQUEST_H

#include "words.h"

#include <stdbool.h>
#include <sys/types.h>

struct request {
        struct words words;  /* every pointer below points into them */
        const char *name;    /* of the server, for messages */
        const char *mode;    /* exec or console */
        const char *cgroup;  /* the server's directory; empty: no cgroup */
        const char *user;    /* name or uid, [:group or gid] */
        const char *cwd;     /* empty: the user's home */
        const char *caps;    /* comma separated numbers kept in the bounding set */
        const char *seccomp; /* hex of struct sock_filter[]; empty: no filter */
        const char *socket;  /* console: the control socket */
        uid_t id_base;       /* host id of the server's root */
        pid_t init;
        long long init_start; /* field 22 of /proc/PID/stat */
        bool tty;
        bool login;
        bool sweep;         /* what the command leaves behind is killed when it ends; SIGTERM kills all */
        bool ignore_hangup; /* the caller runs us under nohup (Node forgets that) */
        bool as_signalled;  /* a command that a signal ended: we end by the same signal, not with 128+n */
        int script;  /* 1…: the argument that becomes the path of the script at descriptor 4; 0: none */
        int escape;  /* console: the byte that detaches */
        char **env;  /* NULL-terminated */
        char **argv; /* NULL-terminated */
};

/* Reads and checks a request. 0, or a negative errno: EBADMSG when it makes no sense. */
int request_read(int fd, struct request *request);
void request_free(struct request *request);

#endif
