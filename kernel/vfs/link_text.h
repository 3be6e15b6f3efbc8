// The target of a symbolic link.
#pragma once
#include "lib/memory.h"
#include <cstring>
#include <string_view>

namespace vfs {
/// Never changes: shared by the file system and whoever reads the link.
class LinkText final : public RefCounted<LinkText> {
public:
    static Result<Ref<const LinkText>> create(std::string_view text) {
        void* memory = ::operator new(sizeof(LinkText) + text.size(), std::nothrow);
        if (!memory) return err::nomem;
        auto* made = new (memory) LinkText{text.size()};
        std::memcpy(made->text_, text.data(), text.size());
        return Ref<const LinkText>::adopt(made);
    }
    static void operator delete(void* memory) { ::operator delete(memory); }
    std::string_view view() const { return {text_, size_}; }

private:
    explicit LinkText(usize size) : size_{size} {}
    usize size_;
    char text_[];
};
} // namespace vfs
