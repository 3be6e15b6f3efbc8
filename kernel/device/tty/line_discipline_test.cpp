#include "kernel/device/tty/line_discipline.h"
#include <gtest/gtest.h>
#include <string>

namespace {
struct Screen final : tty::LineHost {
    usize output(std::span<const char> bytes) override {
        usize n = bytes.size() < space ? bytes.size() : space;
        text.append(bytes.data(), n);
        space -= n;
        return n;
    }
    usize room() override { return space; }
    void send_signal(int number) override { signal = number; }
    void flow(bool stopped) override { is_stopped = stopped; }
    void discard_output() override { discarded = true; }
    std::string take() { return std::exchange(text, {}); }
    std::string text;
    usize space = 1'000'000;
    int signal = 0;
    bool is_stopped = false, discarded = false;
};

struct LineDisciplineTest : testing::Test {
    Screen screen;
    tty::LineDiscipline line{screen};
    void type(std::string_view s) { typed = line.input({s.data(), s.size()}); }
    void change(auto f) {
        ktermios t = line.settings();
        f(t);
        line.set(t);
    }
    void raw() {
        change([](ktermios& t) { t.c_lflag &= ~(ICANON | ECHO | ISIG), t.c_iflag &= ~(ICRNL | IXON); });
    }
    std::string read(usize n = 4096) {
        std::string s(n, 0);
        Sink sink{std::as_writable_bytes(std::span{s})};
        s.resize(*line.read(sink));
        return s;
    }
    std::string print(std::string_view s) {
        EXPECT_EQ(line.write({s.data(), s.size()}), s.size());
        return screen.take();
    }
    usize typed = 0;
};
} // namespace

TEST_F(LineDisciplineTest, LineIsReadableWhenComplete) {
    type("ab");
    EXPECT_FALSE(line.readable());
    type("c\rd");
    EXPECT_TRUE(line.readable());
    EXPECT_EQ(line.available(), 4u);
    EXPECT_EQ(read(), "abc\n");
    EXPECT_FALSE(line.readable());
    EXPECT_EQ(screen.take(), "abc\r\nd");
}

TEST_F(LineDisciplineTest, ReadTakesAtMostALine) {
    type("one\ntwo\n");
    EXPECT_EQ(read(2), "on");
    EXPECT_EQ(read(), "e\n");
    EXPECT_EQ(read(), "two\n");
}

TEST_F(LineDisciplineTest, EraseWordAndKill) {
    type("ls -l\x7f\x7f");
    EXPECT_EQ(screen.take(), "ls -l\b \b\b \b");
    type("foo bar \x17");
    EXPECT_EQ(screen.take(), "foo bar \b \b\b \b\b \b\b \b");
    type("\x15");
    EXPECT_EQ(screen.take(), "\b \b\b \b\b \b\b \b\b \b\b \b\b \b");
    type("x\n");
    EXPECT_EQ(read(), "x\n");
}

TEST_F(LineDisciplineTest, EraseOfTabControlAndUtf8) {
    type("a\t\x7f");
    EXPECT_EQ(screen.take(), "a\t\b\b\b\b\b\b\b");
    type("\x16\x01\x7f");
    EXPECT_EQ(screen.take(), "^\b^A\b \b\b \b");
    type("\xc3\xa4\x7f\n");
    EXPECT_EQ(screen.take(), "\xc3\xa4\b \b\r\n");
    EXPECT_EQ(read(), "a\n");
}

TEST_F(LineDisciplineTest, EndOfFile) {
    type("ab\x04");
    EXPECT_EQ(read(), "ab");
    type("\x04");
    EXPECT_TRUE(line.readable());
    EXPECT_EQ(line.available(), 0u);
    EXPECT_EQ(read(), "");
    EXPECT_FALSE(line.readable());
    type("abc\x04");
    EXPECT_EQ(read(3), "abc"); // takes the end of file along
    EXPECT_FALSE(line.readable());
}

TEST_F(LineDisciplineTest, SignalsFlushUnlessTold) {
    type("abc\x03");
    EXPECT_EQ(screen.signal, SIGINT);
    EXPECT_TRUE(screen.discarded);
    EXPECT_EQ(screen.take(), "^C"); // the echo had not left yet
    change([](ktermios& t) { t.c_lflag |= NOFLSH; });
    type("de\x1a\n");
    EXPECT_EQ(screen.signal, SIGTSTP);
    EXPECT_EQ(read(), "de\n");
    type("\x1c");
    EXPECT_EQ(screen.signal, SIGQUIT);
}

TEST_F(LineDisciplineTest, FlowControl) {
    type("\x13");
    EXPECT_TRUE(screen.is_stopped);
    EXPECT_EQ(line.write({"x", 1}), 0u);
    type("\x11");
    EXPECT_FALSE(screen.is_stopped);
    EXPECT_EQ(print("x"), "x");
}

TEST_F(LineDisciplineTest, LongLineKeepsItsEnd) {
    std::string s(5000, 'x');
    type(s);
    EXPECT_EQ(typed, 5000u);
    type("\n");
    std::string got = read(8000);
    EXPECT_EQ(got.size(), 4096u);
    EXPECT_EQ(got.back(), '\n');
}

TEST_F(LineDisciplineTest, FullOfLinesTakesNoMore) {
    std::string s;
    for (int i = 0; i < 3000; i++) s += "x\n";
    type(s);
    EXPECT_LT(typed, 4100u);
    EXPECT_GT(typed, 4000u);
    EXPECT_EQ(read(), "x\n");
    EXPECT_TRUE(line.takes_input());
}

TEST_F(LineDisciplineTest, RawMode) {
    raw();
    type("a\r\x03");
    EXPECT_TRUE(line.readable(3));
    EXPECT_FALSE(line.readable(4));
    EXPECT_EQ(read(), "a\r\x03");
    EXPECT_EQ(screen.take(), "");
    type(std::string(5000, 'y'));
    EXPECT_EQ(typed, 4095u);
    EXPECT_EQ(read(4096).size(), 4095u);
}

TEST_F(LineDisciplineTest, ModeChangeKeepsInput) {
    type("abc");
    raw();
    EXPECT_EQ(read(1), "a");
    change([](ktermios& t) { t.c_lflag |= ICANON; });
    EXPECT_TRUE(line.readable());
    EXPECT_EQ(read(), "bc");
}

TEST_F(LineDisciplineTest, OutputConversions) {
    EXPECT_EQ(print("a\nb"), "a\r\nb");
    change([](ktermios& t) { t.c_oflag |= XTABS; });
    EXPECT_EQ(print("\r\tx\n"), "\r        x\r\n");
    change([](ktermios& t) { t.c_oflag = OPOST | OLCUC | OCRNL; });
    EXPECT_EQ(print("ab\r"), "AB\n");
    change([](ktermios& t) { t.c_oflag = 0; });
    EXPECT_EQ(print("a\n"), "a\n");
}

TEST_F(LineDisciplineTest, OutputWaitsForRoom) {
    screen.space = 10;
    EXPECT_LT(line.write({"0123456789abcdef", 16}), 10u);
    screen.space = 0;
    type("q");
    EXPECT_EQ(line.write({"x", 1}), 0u);
    screen.take();
    screen.space = 100;
    EXPECT_EQ(print("x"), "qx"); // the echo comes first
}

TEST_F(LineDisciplineTest, ReprintAndEchoOfControls) {
    type("ab\x12");
    EXPECT_EQ(screen.take(), "ab^R\r\nab");
    change([](ktermios& t) { t.c_lflag &= ~ECHO, t.c_lflag |= ECHONL; });
    type("cd\n");
    EXPECT_EQ(screen.take(), "\r\n");
    EXPECT_EQ(read(), "abcd\n");
}
