/* What trainers call the norm of their gradient: grad_norm, gradient_norm, train/grad_norm … */
#pragma once

/* In SQL, behind a name. */
#define LIKE_GRADIENT_NORM " LIKE '%grad%norm%'"
