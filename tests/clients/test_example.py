#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The tutorial's device and its program, built as the tutorial says; and the
header in the languages it is for."""
import os
import re
import subprocess

import client
from client import BDF, ClientTest, read

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
INCLUDE = os.path.join(SOURCE, "include")
EXAMPLES = os.path.join(SOURCE, "examples")
PLACE = (BDF, "/dev/vfio/1")

CXX_MODEL = r"""
#include <anyvfio/device.h>

namespace {
struct Answer {
    anyvfio_device *dev;

    static uint64_t read(void *, unsigned, uint64_t off, unsigned)
    {
        return off == 0x20 ? 42 : 0;
    }
    static void write(void *priv, unsigned, uint64_t, unsigned, uint64_t)
    {
        anyvfio_irq_send(static_cast<Answer *>(priv)->dev, 0);
    }
    static void destroy(void *priv) { delete static_cast<Answer *>(priv); }
};

int create(anyvfio_device *dev)
{
    static anyvfio_device_ops ops{};
    static const anyvfio_pci_id id{0x1234, 1, 0, 0, 0xff0000, 0};

    ops.bar_read = Answer::read;
    ops.bar_write = Answer::write;
    ops.destroy = Answer::destroy;
    anyvfio_device_set_ops(dev, &ops, new Answer{dev});
    anyvfio_pci_set_id(dev, &id);
    anyvfio_pci_add_bar(dev, 0, 8192, 0);
    return anyvfio_pci_add_msix(dev, 1, 0, 4096, 6144);
}
}

extern "C" const struct anyvfio_model anyvfio_model = {
    ANYVFIO_DEVICE_API, "answer", "in C++", nullptr, create,
};
"""


def api():
    """The calls of the header."""
    text = read(os.path.join(INCLUDE, "anyvfio", "device.h"))
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return sorted(set(re.findall(r"\b(anyvfio_\w+)\(", text)))


class Example(ClientTest):
    def compile(self, compiler, source, out, *args):
        """With every warning an error; @source is a path or the text itself."""
        if "\n" in source:
            name = self.path("x.c" if compiler == "cc" else "x.cc")
            with open(name, "w", encoding="ascii") as file:
                file.write(source)
            source = name
        done = subprocess.run(
            [compiler, "-Wall", "-Wextra", "-Wno-unused-parameter",
             "-Wno-missing-field-initializers", "-Werror", "-o",
             self.path(out), source, "-I", INCLUDE, *args],
            text=True, capture_output=True, check=False, env={
                **os.environ, "LD_PRELOAD": ""})
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.path(out)

    def model(self):
        return self.compile("cc", os.path.join(EXAMPLES, "checksum.c"),
                            "checksum.so", "-shared", "-fPIC", "-std=c11",
                            "-pedantic")

    def program(self):
        return self.compile("cc", os.path.join(EXAMPLES, "checksum-client.c"),
                            "checksum-client")

    def test_the_tutorial_shows_the_file_and_nothing_else(self):
        text = read(os.path.join(SOURCE, "docs", "devices.md"))
        blocks = re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S)
        self.assertGreater(len(blocks), 5)
        self.assertEqual("\n".join(blocks),
                         read(os.path.join(EXAMPLES, "checksum.c")))

    def test_the_device_adds_up(self):
        model, program = self.model(), self.program()
        data = bytes(range(256)) * 40
        for seed, option in ((0, ""), (1000, ",seed=1000")):
            out = subprocess.run(
                [client.LAUNCHER, "run", "-d", model + option, "--", program,
                 *PLACE], input=data, capture_output=True, check=True)
            self.assertEqual(int(out.stdout), seed + sum(data))
            self.assertEqual(out.stderr, b"")

    def test_it_is_found_from_where_one_is(self):
        self.model()
        program = self.program()
        self.assertEqual(self.good("-d", "./checksum.so", "--", program, *PLACE,
                                   input="abc", cwd=self.dir), "294\n")

    def test_its_options_are_checked(self):
        model = self.model()
        self.assertIn("seed", self.bad(125, "-d", model + ",sed=1", "true"))
        self.assertIn("seed=x", self.bad(125, "-d", model + ",seed=x", "true"))

    def test_what_is_not_mapped_is_told(self):
        text = read(os.path.join(EXAMPLES, "checksum-client.c"))
        program = self.compile(
            "cc", text.replace("check(read(0, mem, SIZE), \"standard input\")",
                               "2 * SIZE"), "too-far")
        said = self.bad(1, "-d", self.model(), "--", program, *PLACE)
        self.assertIn("IOMMU fault", said)
        self.assertIn("0x40000000-0x400fffff", said)
        self.assertIn("could not read", said)

    def test_a_model_in_cxx(self):
        for standard in ("c++11", "c++20"):
            self.compile("c++", '#include <anyvfio/device.h>\n', "empty.o",
                         "-c", f"-std={standard}", "-pedantic")
        model = self.compile("c++", CXX_MODEL, "answer.so", "-shared", "-fPIC",
                             "-std=c++17", "-pedantic", "-fvisibility=hidden")
        self.assertEqual(self.good("-d", model, "--", self.program(), *PLACE,
                                   input="abc"), "42\n")

    def test_every_call_is_found_in_the_launcher_and_in_programs(self):
        names = api()
        self.assertGreater(len(names), 30)
        model = self.compile(
            "cc", "#include <anyvfio/device.h>\n"
            "extern void *const all[];\nvoid *const all[] = {\n" +
            "".join(f"(void *){name},\n" for name in names) + "};\n" +
            re.sub("(?s)^.*?#include", "#include",
                   read(os.path.join(EXAMPLES, "checksum.c")), count=1),
            "all.so", "-shared", "-fPIC", "-Wl,-z,now")
        self.assertEqual(self.good("-d", model, "--", self.program(), *PLACE,
                                   input="abc"), "294\n")


if __name__ == "__main__":
    client.main()
