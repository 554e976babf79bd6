// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Files of packets, to tell whether what went in came out.
 *
 *   packets make FILE N     writes N packets
 *   packets count FILE      says how many there are
 *   packets same FILE FILE  the same, byte for byte, in the same order
 *
 * The format is libpcap's: a header of 24 bytes; before each packet 16 bytes, the
 * third word of which is its length.
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX 2048u

struct packet {
	uint32_t seconds, micros, len, whole;
	unsigned char bytes[MAX];
};

static const uint32_t file_header[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, MAX, 1 };

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);
	char header[sizeof(file_header)];

	if (!file)
		err(2, "%s", path);
	if (*mode == 'r' && !fread(header, sizeof(header), 1, file))
		errx(2, "%s is too short", path);
	return file;
}

/* False at the end, and when the last one is not whole. */
static bool read_packet(FILE *file, struct packet *packet)
{
	if (!fread(packet, 16, 1, file))
		return false;
	if (packet->len > MAX)
		errx(2, "a packet of %u bytes", packet->len);
	return fread(packet->bytes, packet->len, 1, file) == 1;
}

/* No wrong order, length or byte leaves them the same. */
static void make(const char *path, unsigned int count)
{
	static const unsigned int sizes[] = { 60, 61, 64, 128, 590, 1514 };
	FILE *file = open_file(path, "w");
	struct packet packet = { 0 };
	unsigned int i, n;

	fwrite(file_header, sizeof(file_header), 1, file);
	srandom(7);
	for (n = 0; n < count; n++) {
		packet.len = packet.whole = sizes[(unsigned long)random() % 6];
		for (i = 0; i < packet.len; i++)
			packet.bytes[i] = random();
		/* Local addresses, and the type for experiments: QEMU drops what
		 * says it is IP and is not. */
		memcpy(packet.bytes, "\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5", 14);
		fwrite(&packet, 16 + packet.len, 1, file);
	}
	if (fclose(file))
		err(2, "%s", path);
}

static unsigned int count(const char *path)
{
	FILE *file = open_file(path, "r");
	struct packet packet;
	unsigned int n = 0;

	while (read_packet(file, &packet))
		n++;
	fclose(file);
	return n;
}

static void compare(const char *path, const char *other_path)
{
	FILE *file = open_file(path, "r"), *other = open_file(other_path, "r");
	static struct packet a, b;
	unsigned int n;

	for (n = 0; read_packet(file, &a); n++) {
		if (!read_packet(other, &b))
			errx(1, "%s has only %u packets", other_path, n);
		if (a.len != b.len || memcmp(a.bytes, b.bytes, a.len) != 0)
			errx(1, "packet %u differs: %u and %u bytes", n, a.len,
			     b.len);
	}
	if (read_packet(other, &b))
		errx(1, "%s has more than %u packets", other_path, n);
	fclose(file);
	fclose(other);
	printf("%u packets are the same\n", n);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "make"))
		make(argv[2], atoi(argv[3]));
	else if (argc == 3 && !strcmp(argv[1], "count"))
		printf("%u\n", count(argv[2]));
	else if (argc == 4 && !strcmp(argv[1], "same"))
		compare(argv[2], argv[3]);
	else
		errx(2,
		     "usage: packets make FILE N | count FILE | same FILE FILE");
	return 0;
}
