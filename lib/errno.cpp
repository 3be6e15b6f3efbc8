#include "lib/errno.h"

std::string_view errno_text(Errno e) {
    switch (e) {
#define ERRNO(name, number, text)                                                                                      \
    case Errno::name: return text;
#include "lib/errno.def"
#undef ERRNO
    }
    return "unknown error";
}
