/* `sae-metricsd watch`: the loop between keys, signals and news. */
#include "watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "feed.h"
#include "panes.h"
#include "run_part.h"
#include "subcommand.h"
#include "watch_command.h"
#include "watch_options.h"
#include "watch_screen.h"

#define FRAME_MS 500u  /* two frames a second at most, but for keys */
#define CLOCK_MS 1000u /* one at least: a clock and ages are on the screen */

struct watch {
	struct watch_options options;
	sigset_t signals;
	int signal_fd;
	int ended_by; /* a signal; 0: none */
	struct feed *feed;
	struct screen *screen;
	struct model model;
	uint64_t drawn_ms;
	bool is_due; /* something has changed that is not drawn yet */
};

/* ---- signals ---- */

static int open_signals(struct watch *w) {
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};

	(void)sigemptyset(&w->signals);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		(void)sigaddset(&w->signals, signals[i]);
	}
	/* Also for the threads that follow. */
	(void)sigprocmask(SIG_BLOCK, &w->signals, NULL);
	w->signal_fd = signalfd(-1, &w->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signal_fd < 0 ? -errno : 0;
}

/* As if nothing had been in its way. */
static void heed(int signum) {
	sigset_t one;

	(void)sigemptyset(&one);
	(void)sigaddset(&one, signum);
	(void)signal(signum, SIG_DFL);
	(void)raise(signum);
	(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
	(void)sigprocmask(SIG_BLOCK, &one, NULL); /* where it only stopped us */
}

static void stop(void) {
	heed(SIGTSTP);
}

static void resize(struct watch *w) {
	unsigned width, height;

	screen_size(w->screen, &width, &height);
	model_resize(&w->model, width, height);
	w->is_due = true;
	w->drawn_ms = 0;
}

static bool take_signals(struct watch *w) {
	struct signalfd_siginfo info;

	while (read(w->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTSTP:
			screen_suspend(w->screen, stop);
			resize(w);
			break;
		case SIGCONT:
		case SIGWINCH:
			resize(w);
			break;
		default:
			w->ended_by = (int)info.ssi_signo;
			return false;
		}
	}
	return true;
}

/* ---- news, keys, frames ---- */

static void want(struct watch *w) {
	unsigned points = model_points(&w->model);

	feed_want_points(w->feed, w->model.view == VIEW_FRONT);
	feed_want(w->feed, w->model.selected, points, model_detail_is_stale(&w->model, points));
}

static int take_news(struct watch *w) {
	struct feed_news news;
	int err = 0;

	feed_take(w->feed, &news);
	if (news.status) {
		err = model_take_status(&w->model, news.status);
	}
	if (news.points) {
		model_take_points(&w->model, news.points);
	}
	if (news.detail) {
		model_take_detail(&w->model, news.detail);
	}
	w->model.is_file = news.is_heard ? news.is_file : w->model.is_file;
	model_trouble(&w->model, news.trouble[0] ? news.trouble : NULL, news.trouble_since);
	w->is_due = true;
	return err;
}

static bool take_keys(struct watch *w) {
	uint32_t key;

	while ((key = screen_key(w->screen)) != KEY_NONE) {
		switch (model_key(&w->model, key)) {
		case MODEL_QUIT:
			return false;
		case MODEL_CHANGED:
			w->is_due = true;
			w->drawn_ms = 0; /* who presses a key does not wait for a frame */
			break;
		default:
			break;
		}
	}
	return true;
}

static int draw(struct watch *w) {
	struct grid grid;
	unsigned width, height;

	screen_size(w->screen, &width, &height);
	if (width != w->model.look.width || height != w->model.height) {
		model_resize(&w->model, width, height);
	}
	w->model.look.now = clock_wall();
	int err = grid_init(&grid, width, height, w->model.look.utf8);
	err = err == 0 ? watch_draw(&w->model, &grid) : err;
	if (err == 0) {
		screen_show(w->screen, &grid);
	}
	grid_finish(&grid);
	w->drawn_ms = clock_mono_ms();
	w->is_due = false;
	return err;
}

/* Until the next frame is due. */
static int patience(const struct watch *w) {
	uint64_t now = clock_mono_ms(), due = w->drawn_ms + (w->is_due ? FRAME_MS : CLOCK_MS);

	return now < due ? (int)(due - now) : 0;
}

static int follow(struct watch *w) {
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = w->signal_fd, .events = POLLIN}, {.fd = feed_fd(w->feed), .events = POLLIN}};
	int err = 0;

	while (err == 0) {
		if (poll(fds, 3, patience(w)) < 0 && errno != EINTR) {
			return -errno;
		}
		/* A terminal that is gone is readable for ever. */
		if (!take_signals(w) || fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) {
			return 0;
		}
		if (fds[2].revents) {
			err = take_news(w);
		}
		if (!take_keys(w)) {
			return 0;
		}
		want(w);
		if (err == 0 && patience(w) == 0) {
			err = draw(w);
		}
	}
	return err;
}

/* ---- the beginning and the end ---- */

/* The run to begin with. */
static int select_first(struct watch *w) {
	const char *part = w->options.read.source.run_part;
	const json_t *runs = document_at(w->model.status, "runs");
	char words[RUN_PART_WORDS_SIZE];

	if (!part) {
		return EXIT_OK;
	}
	size_t at = run_part_find(runs, part, words);
	if (at == RUN_PART_NONE) {
		fprintf(stderr, "sae-metricsd watch: %s\n", words);
		return EXIT_NO_SUCH_RUN;
	}
	snprintf(w->model.selected, sizeof(w->model.selected), "%s",
		document_text(json_array_get(runs, at), "id"));
	return EXIT_OK;
}

/* Before the screen is taken: a source that was never there is said in words. */
static int await_first(struct watch *w) {
	struct pollfd fds[] = {
		{.fd = w->signal_fd, .events = POLLIN}, {.fd = feed_fd(w->feed), .events = POLLIN}};

	while (!w->model.status) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			return EXIT_FAILED;
		}
		struct signalfd_siginfo info;
		if (read(w->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) &&
			info.ssi_signo != SIGWINCH && info.ssi_signo != SIGCONT) {
			w->ended_by = (int)info.ssi_signo;
			return EXIT_FAILED;
		}
		if (fds[1].revents && take_news(w) < 0) {
			return EXIT_FAILED;
		}
		if (!w->model.status && w->model.trouble[0]) {
			fprintf(stderr, "sae-metricsd watch: %s\n", w->model.trouble);
			return EXIT_NO_ANSWER;
		}
	}
	return select_first(w);
}

static int show(struct watch *w) {
	char words[128];

	w->screen = screen_open(w->model.look.colour, words);
	if (!w->screen) {
		fprintf(stderr, "sae-metricsd watch: %s\n", words);
		return EXIT_USAGE;
	}
	resize(w);
	int err = follow(w);
	screen_close(w->screen);
	if (err < 0) {
		fprintf(stderr, "sae-metricsd watch: %s\n", strerror(-err));
	}
	return err < 0 ? EXIT_FAILED : EXIT_OK;
}

static int watch_all(struct watch *w) {
	struct look look = read_options_look(&w->options.read);

	model_init(&w->model, &look, &w->options.filter);
	int status = open_signals(w) < 0 ? EXIT_FAILED : EXIT_OK;
	w->feed = status == EXIT_OK ? feed_open(&w->options.read.source) : NULL;
	if (!w->feed) {
		fprintf(stderr, "sae-metricsd watch: %s\n", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	status = await_first(w);
	return status == EXIT_OK ? show(w) : status;
}

int watch_run(int argc, char **argv) {
	struct watch w = {.signal_fd = -1};
	int status = watch_options_parse(argc, argv, &w.options);
	bool closed = true;

	if (status == EXIT_OK && w.options.read.help) {
		fputs(subcommand_watch.usage, stdout);
	} else if (status == EXIT_OK && (status = watch_options_check_terminal()) == EXIT_OK) {
		status = watch_all(&w);
		closed = feed_close(w.feed);
		model_finish(&w.model);
	}
	if (w.signal_fd >= 0) {
		(void)close(w.signal_fd);
	}
	if (w.ended_by != 0) {
		heed(w.ended_by);
	}
	if (!closed) {
		_exit(status); /* a thread still asks, with what is on our stack */
	}
	read_options_finish(&w.options.read);
	return status;
}
