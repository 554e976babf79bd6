// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * -d strings: words between single commas; a comma in a word is doubled.
 */
#include "run.h"

#include <stdlib.h>
#include <unistd.h>

#define FILE_OPTION "file="

/* Where the word at @word ends: its comma, or the end. */
static const char *word_end(const char *word)
{
	while (*word && (word[0] != ',' || word[1] == ','))
		word += *word == ',' ? 2 : 1;
	return word;
}

static void put_cwd(FILE *out)
{
	char cwd[PATH_MAX];
	const char *p;

	if (!getcwd(cwd, sizeof(cwd)))
		return;
	for (p = cwd; *p; p++) {
		if (*p == ',')
			putc(',', out);
		putc(*p, out);
	}
	putc('/', out);
}

static void put_word(FILE *out, const char *word, const char *end, bool first)
{
	size_t option = strlen(FILE_OPTION);
	bool is_path = first && memchr(word, '/', end - word);

	if (!first && !strncmp(word, FILE_OPTION, option)) {
		fputs(FILE_OPTION, out);
		word += option;
		is_path = word < end;
	}
	if (is_path && *word != '/')
		put_cwd(out);
	fwrite(word, 1, end - word, out);
}

char *spec_absolute(const char *spec)
{
	const char *end, *word = spec;
	char *text = NULL;
	FILE *out;
	size_t len;

	out = open_memstream(&text, &len);
	if (!out)
		return NULL;
	for (;;) {
		end = word_end(word);
		put_word(out, word, end, word == spec);
		if (!*end)
			break;
		putc(',', out);
		word = end + 1;
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
