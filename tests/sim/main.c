/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Runs the scenarios.
 *
 *   sim-sweep [-n SCHEDULES] [-s SEED] [-q PART] [NAME...]
 *   sim-sweep -s SEED [-f FAULT] -t NAME
 *
 * Each seed is run without faults and with random ones; in the first few, each
 * place that can fail does: alone, with all after it, and with all after it of
 * its kind, until a run comes to its end before the place is reached.  Seeds go
 * on from SEED (1; 0: the time) until SCHEDULES were run, each scenario at least
 * as often as it asks for, or with -q a part of that.  Only scenarios whose names begin with a NAME, or are
 * of a known bug: bug7.
 *
 * -t runs one schedule and tells its story.  FAULT is the number of the place
 * that fails, N for it alone, N+ with all after it, Nk with all of its kind; or
 * 1/N for one place in N.
 */
#include "sweep.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define RATE 25 /* one place in so many fails in the runs with random faults */
#define MAX_TASKS 8

static bool faults;
static unsigned int part = 1;
static struct module type1_module = { .name = "type1" };

static struct {
	unsigned long runs, switches, failed;
} total;

static const struct scenario *const all[] = {
	close_scenarios,    remove_scenarios, type1_scenarios,
	external_scenarios, pci_scenarios,    known_scenarios,
	backend_scenarios,  pair_scenarios,   pci_pair_scenarios,
	monkey_scenarios,
};

bool nothing_fails(void)
{
	return !faults;
}

/* May have to wait, as for the end of a watch, but nothing fails any more. */
static void run_finish(void *arg)
{
	const struct scenario *scenario = arg;

	sim_set_faults(false);
	scenario->finish();
}

/* Each task by its own name, out of "first, second". */
static void spawn_tasks(const struct scenario *scenario)
{
	static char names[MAX_TASKS][48];
	const char *name = scenario->names;
	uintptr_t i;

	for (i = 0; scenario->tasks[i]; i++) {
		snprintf(names[i], sizeof(names[i]), "%.*s",
			 (int)strcspn(name, ","), name);
		sim_spawn(names[i], scenario->tasks[i], (void *)i);
		name += strcspn(name, ",");
		name += strspn(name, ", \t\n");
	}
}

static void run(const struct scenario *scenario, struct sim_config *config,
		struct sim_stats *stats)
{
	faults = config->fail_nth || config->fail_rate;
	config->name = scenario->name;
	sim_begin(config);
	check(!vfio_init());
	vfio_type1_set_owner(&type1_module);
	check(!vfio_type1_init());
	scenario->prepare();
	spawn_tasks(scenario);
	sim_run();
	sim_spawn("finish", run_finish, (void *)scenario);
	sim_run();
	vfio_type1_exit();
	vfio_exit();
	sim_end(stats);
	total.runs++;
	total.switches += stats->switches;
	total.failed += stats->failed;
}

/* @config: how a place fails. */
static void sweep_faults(const struct scenario *scenario,
			 struct sim_config config)
{
	struct sim_stats stats;

	for (config.fail_nth = 1;; config.fail_nth++) {
		run(scenario, &config, &stats);
		if (!stats.failed)
			break;
	}
}

static void sweep(const struct scenario *scenario, u64 first)
{
	const unsigned int seeds = max(scenario->seeds / part, 1u);
	const unsigned int sweeps = max(scenario->sweeps / part, 1u);
	struct sim_config config = { 0 };
	struct sim_stats stats;

	for (config.seed = first; config.seed < first + seeds; config.seed++) {
		config.fail_rate = 0;
		run(scenario, &config, &stats);
		config.fail_rate = RATE;
		run(scenario, &config, &stats);
		if (config.seed - first >= sweeps)
			continue;
		config.fail_rate = 0;
		sweep_faults(scenario, config);
		config.fail_after = true;
		sweep_faults(scenario, config);
		config.fail_after = false;
		config.fail_kind = true;
		sweep_faults(scenario, config);
		config.fail_kind = false;
	}
}

/* ---- which scenarios ---- */

static bool is_chosen(const struct scenario *scenario, char **only)
{
	unsigned int bug;

	if (!*only)
		return true;
	for (; *only; only++) {
		if (!strncmp(scenario->name, *only, strlen(*only)))
			return true;
		if (sscanf(*only, "bug%u", &bug) == 1 && bug == scenario->bug)
			return true;
	}
	return false;
}

static const struct scenario *next_scenario(const struct scenario *last,
					    char **only)
{
	const struct scenario *scenario;
	bool found = !last;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		for (scenario = all[i]; scenario->name; scenario++) {
			if (found && is_chosen(scenario, only))
				return scenario;
			found |= scenario == last;
		}
	}
	return NULL;
}

/* ---- what is asked for ---- */

/* Rounds over the chosen scenarios, each with the seeds after the last one's;
 * the first is told of. */
static void sweep_all(u64 first, unsigned long goal, char **only)
{
	const struct scenario *scenario = NULL;
	unsigned long runs, failed;
	unsigned int nr = 0, round = 0;

	do {
		while ((scenario = next_scenario(scenario, only))) {
			runs = total.runs;
			failed = total.failed;
			sweep(scenario, first + (u64)round * scenario->seeds);
			if (round)
				continue;
			printf("ok %u - %s\n# %lu schedules, %lu faults", ++nr,
			       scenario->name, total.runs - runs,
			       total.failed - failed);
			if (scenario->bug)
				printf("; known bug %u", scenario->bug);
			printf("\n");
		}
		round++;
	} while (nr && total.runs < goal);
	printf("1..%u\n# %lu schedules from seed %llu on, %lu switches, %lu faults; nothing left behind\n",
	       nr, total.runs, (unsigned long long)first, total.switches,
	       total.failed);
}

/* Each known bug has its scenario. */
static void check_bugs(void)
{
	bool seen[NR_BUGS + 1] = { false };
	const struct scenario *scenario = NULL;
	char *every = NULL;
	unsigned int bug;

	while ((scenario = next_scenario(scenario, &every)))
		seen[scenario->bug] = true;
	for (bug = 1; bug <= NR_BUGS; bug++)
		if (!seen[bug])
			sim_bug("known bug %u has no scenario", bug);
}

static bool read_fault(const char *text, struct sim_config *config)
{
	char kind = 0, more = 0;

	if (sscanf(text, "1/%u%c", &config->fail_rate, &more) == 1)
		return config->fail_rate;
	if (sscanf(text, "%u%c%c", &config->fail_nth, &kind, &more) > 2)
		return false;
	config->fail_after = kind == '+';
	config->fail_kind = kind == 'k';
	return config->fail_nth && (!kind || kind == '+' || kind == 'k');
}

static int tell(struct sim_config *config, char **only)
{
	const struct scenario *scenario = next_scenario(NULL, only);
	struct sim_stats stats;

	if (!scenario) {
		fprintf(stderr, "no such scenario; there are:\n");
		only = &(char *){ NULL };
		while ((scenario = next_scenario(scenario, only)))
			fprintf(stderr, "  %s\n", scenario->name);
		return 2;
	}
	config->trace = true;
	run(scenario, config, &stats);
	printf("%s, seed %llu: well; %lu switches, %u places could fail, %u did, %llu ms\n",
	       scenario->name, (unsigned long long)config->seed, stats.switches,
	       stats.sites, stats.failed, (unsigned long long)stats.now_ms);
	return 0;
}

int main(int argc, char **argv)
{
	struct sim_config config = { .seed = 1 };
	unsigned long goal = 0;
	bool story = false, ok = true;
	int opt;

	while ((opt = getopt(argc, argv, "n:s:f:q:t")) != -1) {
		switch (opt) {
		case 'n':
			goal = strtoul(optarg, NULL, 0);
			break;
		case 'q':
			part = strtoul(optarg, NULL, 0) ?: 1;
			break;
		case 's':
			config.seed = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			ok = ok && read_fault(optarg, &config);
			break;
		case 't':
			story = true;
			break;
		default:
			ok = false;
		}
	}
	if (!ok || (!story && (config.fail_nth || config.fail_rate))) {
		fprintf(stderr,
			"usage: %s [-n SCHEDULES] [-s SEED] [-q PART] [NAME...]\n"
			"       %s -s SEED [-f FAULT] -t NAME\n",
			argv[0], argv[0]);
		return 2;
	}
	if (story)
		return tell(&config, argv + optind);
	setvbuf(stdout, NULL, _IOLBF, 0);
	check_bugs();
	sweep_all(config.seed ?: (u64)time(NULL), goal, argv + optind);
	return 0;
}
