#include "boot/command_line.h"
#include <gtest/gtest.h>
#include <string>

TEST(CommandLine, SplitsOursFromInits) {
    auto line =
        boot::parse_command_line("console=ttyS0 loglevel=6 init=/bin/sesh virtio_mmio.device=512@0:1 -- run a b");
    EXPECT_EQ(line.init, "/bin/sesh");
    EXPECT_EQ(line.console_level, LogLevel::info);
    EXPECT_EQ(line.init_arguments, " run a b");
    EXPECT_FALSE(line.trace || line.ktest);
}

TEST(CommandLine, DeviceWordsMayStandBehindInitsArguments) {
    static std::string seen;
    auto devices = [](std::string_view text, std::string_view arguments) {
        auto line = boot::parse_command_line(text);
        EXPECT_EQ(line.init_arguments, arguments);
        seen.clear();
        boot::each_device_word(line, [](std::string_view value) { seen += std::string{value} + ";"; });
        return seen;
    };
    EXPECT_EQ(devices("virtio_mmio.device=a quiet virtio_mmio.device=b", ""), "a;b;");
    EXPECT_EQ(devices("virtio_mmio.device=a -- run x virtio_mmio.device=b virtio_mmio.device=c", " run x "), "a;b;c;");
    EXPECT_EQ(devices("-- virtio_mmio.device=b", " "), "b;");
    EXPECT_EQ(devices("-- run virtio_mmio.device=b x", " run virtio_mmio.device=b x"), ""); // the program's own
    EXPECT_EQ(devices("--", ""), "");
    EXPECT_EQ(devices("-- run  ", " run  "), "");
}

TEST(CommandLine, Defaults) {
    auto line = boot::parse_command_line("");
    EXPECT_EQ(line.init, "/init");
    EXPECT_EQ(line.console_level, LogLevel::warning);
    EXPECT_EQ(boot::parse_command_line("loglevel=99").console_level, LogLevel::warning);
    EXPECT_EQ(boot::parse_command_line("loglevel=").console_level, LogLevel::warning);
}

TEST(CommandLine, TraceAndTests) {
    EXPECT_EQ(boot::parse_command_line("trace=read,write").trace, "read,write");
    EXPECT_EQ(boot::parse_command_line("trace").trace, "all");
    EXPECT_EQ(boot::parse_command_line("trace").console_level, LogLevel::notice);
    EXPECT_EQ(boot::parse_command_line("ktest").ktest, "");
    EXPECT_EQ(boot::parse_command_line("ktest=timer").ktest, "timer");
}

TEST(CommandLine, WordsMayBeQuoted) {
    std::string_view rest = "  sh -c \"echo a  b\" \"open";
    EXPECT_EQ(boot::next_word(rest), "sh");
    EXPECT_EQ(boot::next_word(rest), "-c");
    EXPECT_EQ(boot::next_word(rest), "echo a  b");
    EXPECT_EQ(boot::next_word(rest), "open");
    EXPECT_EQ(boot::next_word(rest), "");
}
