/* The environment of the command: made fresh, nothing comes from the admin's shell but TERM. */
#ifndef VPS_ATTACH_ENVIRONMENT_H
#define VPS_ATTACH_ENVIRONMENT_H

#include "account.h"
#include "request.h"

/* NULL-terminated, or NULL without memory. */
char **environment_make(const struct request *request, const struct account *account);

#endif
