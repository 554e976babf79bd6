// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Programs that the preload library cannot be loaded into run all the same, but
 * without a device in sight.  They are worth a word.
 */
#include "run.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* As execvp() finds it; a descriptor, or -1. */
static int open_program(const char *name)
{
	const char *path = getenv("PATH"), *end;
	char full[PATH_MAX];
	int fd;

	if (strchr(name, '/'))
		return open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	for (; path; path = *end ? end + 1 : NULL) {
		end = strchrnul(path, ':');
		snprintf(full, sizeof(full), "%.*s/%s", (int)(end - path), path,
			 name);
		if (access(full, X_OK))
			continue;
		fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* It names a dynamic linker, to whom LD_PRELOAD is addressed. */
static bool has_interpreter(int fd, const Elf64_Ehdr *header)
{
	Elf64_Phdr part;
	unsigned int i;

	for (i = 0; i < header->e_phnum; i++) {
		if (pread(fd, &part, sizeof(part),
			  header->e_phoff + i * header->e_phentsize) !=
		    sizeof(part))
			break;
		if (part.p_type == PT_INTERP)
			return true;
	}
	return false;
}

static const char *obstacle(int fd)
{
	Elf64_Ehdr header;
	struct stat st;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
		return NULL;
	if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    header.e_machine != EM_X86_64)
		return "not for x86-64";
	if (!has_interpreter(fd, &header))
		return "statically linked";
	if (!fstat(fd, &st) &&
	    (((st.st_mode & S_ISUID) && st.st_uid != geteuid()) ||
	     ((st.st_mode & S_ISGID) && st.st_gid != getegid())))
		return "set-user-ID or set-group-ID";
	return NULL;
}

void program_check(const char *name)
{
	int fd = open_program(name);
	const char *why = fd < 0 ? NULL : obstacle(fd);

	if (why)
		port_warn("%s is %s: it will not see the devices", name, why);
	if (fd >= 0)
		close(fd);
}
