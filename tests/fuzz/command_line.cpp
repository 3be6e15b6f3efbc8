// libFuzzer: the kernel's command line: every view in the answer lies in the text.
#include "boot/command_line.h"
#include "drivers/bus/words.h"

static void inside(std::string_view part, std::string_view all) {
    if (!part.empty() && part != "/init" && part != "all" &&
        (part.data() < all.data() || part.data() + part.size() > all.data() + all.size()))
        __builtin_trap();
}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, unsigned long size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    auto line = boot::parse_command_line(text);
    inside(line.init, text);
    inside(line.trace.value_or(""), text);
    inside(line.ktest.value_or(""), text);
    inside(line.init_arguments, text);
    inside(line.device_words, text);
    inside(line.words, text);
    boot::each_device_word(line, [](std::string_view value) { (void)bus::parse_virtio_word(value); });
    std::string_view rest = line.init_arguments;
    while (!rest.empty()) {
        usize before = rest.size();
        inside(boot::next_word(rest), text);
        if (rest.size() >= before) __builtin_trap();
    }
    return 0;
}
