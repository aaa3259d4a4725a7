/* What a command of a server may not do, in the order in which it has to be set: keyring, bounding set,
 * seccomp, each as root of the server's user namespace. 0, or a negative errno. */
#ifndef VPS_CONFINE_H
#define VPS_CONFINE_H

/* A session keyring of its own: the admin's keys are out of reach. */
int confine_keyring(void);
/* Only the listed capabilities (numbers, comma separated) can ever be had again. */
int confine_capabilities(const char *list);
/* A filter as hex of struct sock_filter[]; empty: none. Without no_new_privs, so that sudo goes on working.
 */
int confine_system_calls(const char *hex);

#endif
