/* A condition on windows_data w: where its run went back, what it left behind does not stand any more. */
#pragma once

#define WINDOW_STANDS                                                                              \
	"NOT EXISTS (SELECT 1 FROM attempts_data a WHERE a.run = w.run AND a.attempt > w.attempt " \
	"AND a.step_first <= w.step_last)"
