/* Files in the server's root that are the launcher's to write as long as nobody there wrote others. */
#ifndef VPS_OWN_FILE_H
#define VPS_OWN_FILE_H

#include "fault.h"
#include "plan.h"

/* own-file PATH MODE TEXT PRISTINE, see own_file.c. */
int own_file(const struct step *step, struct fault *fault);

#endif
