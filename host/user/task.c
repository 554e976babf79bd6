/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The caller's name, for messages. */
#include "port.h"

#include <sys/prctl.h>
#include <unistd.h>

void port_task_name(char buf[PORT_TASK_LEN])
{
	char name[16] = "?";

	prctl(PR_GET_NAME, name);
	snprintf(buf, PORT_TASK_LEN, "%s[%d]", name, getpid());
}
