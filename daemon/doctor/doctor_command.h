/* `sae-metricsd doctor`. */
#pragma once

#include "subcommand.h"

#define DOCTOR_SCHEMA 1 /* of --json; sae-metricsd-doctor(1) has the document */

extern const struct subcommand subcommand_doctor;
