#include "kernel/process/exec/elf.h"
#include <cstring>
#include <gtest/gtest.h>
#include <linux/elf.h>
#include <vector>

namespace {
class Bytes final : public elf::Reader {
public:
    explicit Bytes(std::vector<unsigned char> content) : content_{std::move(content)} {}
    Result<> read(u64 offset, std::span<std::byte> to) override {
        if (offset > content_.size() || to.size() > content_.size() - offset) return err::io;
        std::memcpy(to.data(), content_.data() + offset, to.size());
        return {};
    }

private:
    std::vector<unsigned char> content_;
};

struct File {
    Elf64_Ehdr header{};
    std::vector<Elf64_Phdr> programs;
    std::vector<unsigned char> tail;

    File() {
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_type = ET_EXEC;
        header.e_machine = EM_X86_64;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phoff = sizeof header;
        header.e_entry = 0x400100;
        add(PT_LOAD, 0, 0x400000, 0x200, 0x3000);
    }
    Elf64_Phdr& add(u32 type, u64 offset, u64 address, u64 file_size, u64 memory_size) {
        Elf64_Phdr p{};
        p.p_type = type, p.p_flags = PF_R | PF_X, p.p_offset = offset, p.p_vaddr = address;
        p.p_filesz = file_size, p.p_memsz = memory_size, p.p_align = page_size;
        programs.push_back(p);
        return programs.back();
    }
    std::vector<unsigned char> bytes() {
        header.e_phnum = static_cast<u16>(programs.size());
        std::vector<unsigned char> all(sizeof header + programs.size() * sizeof(Elf64_Phdr));
        std::memcpy(all.data(), &header, sizeof header);
        std::memcpy(all.data() + sizeof header, programs.data(), programs.size() * sizeof(Elf64_Phdr));
        all.insert(all.end(), tail.begin(), tail.end());
        return all;
    }
    Result<elf::Image> parse() {
        Bytes reader{bytes()};
        return elf::parse(reader, EM_X86_64);
    }
};
constexpr uptr top = 0x7fff'ffff'f000;
} // namespace

TEST(Elf, ReadsAStaticProgram) {
    auto image = File{}.parse();
    ASSERT_TRUE(image);
    EXPECT_EQ(image->entry, 0x400100u);
    EXPECT_EQ(image->headers, 0x400040u);
    EXPECT_EQ(image->lowest(), 0x400000u);
    EXPECT_EQ(image->highest(), 0x403000u);
    EXPECT_TRUE(elf::check_segments(*image, top));
}

TEST(Elf, RefusesWhatIsNoProgram) {
    auto broken = [](auto change) {
        File file;
        change(file);
        auto image = file.parse();
        return image ? Errno{} : image.error();
    };
    EXPECT_EQ(broken([](File& f) { f.header.e_ident[0] = 0; }), Errno::noexec);
    EXPECT_EQ(broken([](File& f) { f.header.e_ident[EI_CLASS] = ELFCLASS32; }), Errno::noexec);
    EXPECT_EQ(broken([](File& f) { f.header.e_machine = EM_RISCV; }), Errno::noexec);
    EXPECT_EQ(broken([](File& f) { f.header.e_type = ET_REL; }), Errno::noexec);
    EXPECT_EQ(broken([](File& f) { f.header.e_phentsize = 32; }), Errno::noexec);
    EXPECT_EQ(broken([](File& f) { f.programs.clear(); }), Errno::noexec);
    EXPECT_EQ(broken([](File& f) { f.header.e_phoff = ~u64{0} - 8; }), Errno::noexec);
    EXPECT_EQ(broken([](File& f) { f.add(PT_INTERP, 64, 0, 1, 1); }), Errno::noexec);
    EXPECT_EQ(broken([](File& f) { f.add(PT_INTERP, 64, 0, 5000, 5000); }), Errno::noexec);
}

TEST(Elf, EveryTruncationIsAnError) {
    File file;
    auto whole = file.bytes();
    for (usize n = 0; n < whole.size(); n++) {
        Bytes reader{{whole.begin(), whole.begin() + static_cast<long>(n)}};
        EXPECT_EQ(elf::parse(reader, EM_X86_64).error(), Errno::noexec) << n;
    }
}

TEST(Elf, SegmentsMustFitTheAddressSpace) {
    auto checked = [](u64 offset, u64 address, u64 file_size, u64 memory_size) {
        File file;
        file.add(PT_LOAD, offset, address, file_size, memory_size);
        auto image = file.parse();
        EXPECT_TRUE(image);
        return elf::check_segments(*image, top).has_value();
    };
    EXPECT_TRUE(checked(0x1000, 0x404000, 0x10, 0x10));
    EXPECT_FALSE(checked(0x1000, top, 0x10, 0x10));                   // beyond the top
    EXPECT_FALSE(checked(0x1000, 0x404000, 0x20, 0x10));              // shorter in memory than in the file
    EXPECT_FALSE(checked(0x1000, 0x404000, 0x10, ~u64{0}));           // longer than any address space
    EXPECT_FALSE(checked(0x1000, top - 0x1000, 0x10, 0x2000));        // reaches beyond the top
    EXPECT_FALSE(checked(0x1234, 0x404000, 0x10, 0x10));              // offset and address disagree
    EXPECT_FALSE(checked(~u64{0} - 0xfff, 0x404000, 0x1000, 0x2000)); // the offset wraps
}

TEST(Elf, FindsInterpreterAndNote) {
    File file;
    const char name[] = "/lib/ld.so";
    u64 at = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr);
    file.add(PT_INTERP, at, 0, sizeof name, sizeof name);
    file.add(PT_NOTE, at + 12, 0, 20, 20);
    file.tail.assign(name, name + sizeof name);
    file.tail.resize(12);
    const u32 note[] = {8, 0, 1};
    file.tail.insert(file.tail.end(), reinterpret_cast<const unsigned char*>(note),
                     reinterpret_cast<const unsigned char*>(note) + sizeof note);
    const char rundlet[] = "Rundlet";
    file.tail.insert(file.tail.end(), rundlet, rundlet + 8);
    Bytes reader{file.bytes()};
    auto image = elf::parse(reader, EM_X86_64);
    ASSERT_TRUE(image);
    EXPECT_TRUE(image->rundlet_note);
    char text[64];
    auto size = elf::read_interpreter(reader, *image, text);
    ASSERT_TRUE(size);
    EXPECT_EQ(std::string_view(text, *size), "/lib/ld.so");
    image->interpreter_size--; // no null at the end
    EXPECT_EQ(elf::read_interpreter(reader, *image, text).error(), Errno::noexec);
}
