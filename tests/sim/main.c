/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Runs the scenarios.  ANYVFIO_SEED: the first seed (1; 0: any); ANYVFIO_SEEDS:
 * how many, instead of each scenario's own number.  Arguments: only scenarios
 * whose names begin with one of them.
 *
 * Each seed is run without faults and with random ones; in the first few, each
 * place that can fail does, alone and with all after it, until a run comes to
 * its end before the place is reached.
 */
#include "sweep.h"

#include <stdlib.h>
#include <time.h>

#define RATE 25 /* one place in so many fails in the runs with random faults */

static bool faults;
static struct module type1_module = { .name = "type1" };

static struct {
	unsigned long runs, switches, failed;
} total;

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

static void run(const struct scenario *scenario, struct sim_config *config,
		struct sim_stats *stats)
{
	uintptr_t i;

	faults = config->fail_nth || config->fail_rate;
	config->name = scenario->name;
	sim_begin(config);
	check(!vfio_init());
	vfio_type1_set_owner(&type1_module);
	check(!vfio_type1_init());
	scenario->prepare();
	for (i = 0; scenario->tasks[i]; i++)
		sim_spawn(scenario->name, scenario->tasks[i], (void *)i);
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

static void sweep_faults(const struct scenario *scenario, u64 seed, bool after)
{
	struct sim_config config = { .seed = seed, .fail_after = after };
	struct sim_stats stats;

	for (config.fail_nth = 1;; config.fail_nth++) {
		run(scenario, &config, &stats);
		if (!stats.failed)
			break;
	}
}

static void sweep(const struct scenario *scenario, u64 first, u64 seeds)
{
	struct sim_stats stats;
	u64 seed;

	memset(&total, 0, sizeof(total));
	for (seed = first; seed < first + seeds; seed++) {
		run(scenario, &(struct sim_config){ .seed = seed }, &stats);
		run(scenario,
		    &(struct sim_config){ .seed = seed, .fail_rate = RATE },
		    &stats);
		if (seed - first >= scenario->sweeps)
			continue;
		sweep_faults(scenario, seed, false);
		sweep_faults(scenario, seed, true);
	}
}

static u64 number(const char *name, u64 def)
{
	const char *value = getenv(name);

	return value && *value ? strtoull(value, NULL, 0) : def;
}

static bool is_chosen(const char *name, char **only)
{
	if (!*only)
		return true;
	for (; *only; only++)
		if (!strncmp(name, *only, strlen(*only)))
			return true;
	return false;
}

static unsigned int run_all(const struct scenario *scenario, unsigned int nr,
			    char **only)
{
	u64 first = number("ANYVFIO_SEED", 1);

	for (; scenario->name; scenario++) {
		if (!is_chosen(scenario->name, only))
			continue;
		if (!first)
			first = time(NULL);
		sweep(scenario, first,
		      number("ANYVFIO_SEEDS", scenario->seeds));
		printf("ok %u - %s\n# from seed %llu: %lu runs, %lu switches, %lu faults\n",
		       ++nr, scenario->name, (unsigned long long)first,
		       total.runs, total.switches, total.failed);
	}
	return nr;
}

int main(int argc, char **argv)
{
	char **only = argv + 1;
	unsigned int nr = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	nr = run_all(close_scenarios, nr, only);
	nr = run_all(remove_scenarios, nr, only);
	nr = run_all(type1_scenarios, nr, only);
	nr = run_all(external_scenarios, nr, only);
	nr = run_all(pci_scenarios, nr, only);
	nr = run_all(monkey_scenarios, nr, only);
	printf("1..%u\n", nr);
	return 0;
}
