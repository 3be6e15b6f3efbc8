// /dev/kmsg: the log, a record a read; what is written becomes a line of it.
#include "core/log/log.h"
#include "kernel/device/devices.h"
#include "kernel/vfs/open_file.h"
#include "lib/vector.h"
#include <asm/fcntl.h>
#include <charconv>
#include <linux/eventpoll.h>

namespace device {
namespace {
/// "<6>[    1.000002] text" of the log.
struct Record {
    u32 level = 6;
    u64 microseconds = 0;
    std::string_view text;
    explicit Record(std::string_view line) : text{line} {
        if (line.size() < 4 || line[0] != '<') return;
        level = static_cast<u32>(line[1] - '0');
        usize close = line.find("] ");
        if (close == line.npos) return;
        u64 seconds = 0, rest = 0;
        usize at = line.find_first_not_of(' ', 4), dot = line.find('.');
        std::from_chars(line.data() + at, line.data() + dot, seconds);
        std::from_chars(line.data() + dot + 1, line.data() + close, rest);
        microseconds = seconds * 1'000'000 + rest;
        text = line.substr(close + 2);
    }
};

/// Reads what was there when it was opened.
class LogFile final : public vfs::PlacedFile {
public:
    using PlacedFile::PlacedFile;
    Result<> load() {
        TRY(lines_.unguarded().text.resize(log_size() + 4096));
        TRY(lines_.unguarded().text.resize(read_log(lines_.unguarded().text)));
        return {};
    }
    Result<usize> read(Sink& to, u64*) override {
        auto lines = lines_.lock();
        std::string_view rest{lines->text.data() + lines->at, lines->text.size() - lines->at};
        if (rest.empty()) return err::again;
        std::string_view line = rest.substr(0, rest.find('\n'));
        Record record{line};
        char text[320];
        BufferWriter out{text};
        print(out, "{},{},{},-;{}\n", record.level, lines->number, record.microseconds, record.text);
        if (to.remaining() < out.text().size()) return err::inval;
        auto put = to.put(std::as_bytes(std::span{out.text()}));
        if (!put) return put;
        lines->at += line.size() + (line.size() < rest.size());
        lines->number++;
        return put;
    }
    Result<usize> write(Source& from, u64*) override {
        char bytes[220];
        usize whole = from.remaining();
        usize n = TRY(from.get(std::as_writable_bytes(std::span{bytes})));
        std::string_view text{bytes, n};
        unsigned level = 4;
        if (usize close = text.find('>'); text.starts_with('<') && close != text.npos) {
            std::from_chars(bytes + 1, bytes + close, level);
            text.remove_prefix(close + 1);
        }
        while (text.ends_with('\n')) text.remove_suffix(1);
        log(static_cast<LogLevel>(level & 7), "{}", text);
        (void)from.skip(from.remaining());
        return whole;
    }
    u32 poll() override {
        auto lines = lines_.lock();
        return (lines->at < lines->text.size() ? EPOLLIN | EPOLLRDNORM : 0) | EPOLLOUT | EPOLLWRNORM;
    }

private:
    struct Lines {
        Vector<char> text;
        usize at = 0;
        u64 number = 0;
    };
    Guarded<Lines, Mutex<Rank::stream>> lines_;
};
} // namespace

Result<Ref<File>> open_log(const vfs::Path& path, u32 flags) {
    auto file = TRY(make_ref<LogFile>(path, flags));
    if ((flags & O_ACCMODE) != O_WRONLY) TRY(file->load());
    return file;
}
} // namespace device
