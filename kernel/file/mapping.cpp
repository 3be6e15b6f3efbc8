#include "kernel/file/mapping.h"
#include "kernel/device/device.h"
#include "kernel/vfs/inode.h"

namespace file {
namespace {
class FileMapping final : public MappingSource {
public:
    FileMapping(Ref<File> file, Ref<MemoryObject> object) : file_{std::move(file)}, object_{std::move(object)} {}
    MemoryObject& object() override { return *object_; }
    Identity identity() const override {
        vfs::Inode* inode = file_->inode();
        if (!inode) return {};
        u64 device = inode->superblock().device();
        return {device::major(device), device::minor(device), inode->number()};
    }
    void print_path(Writer& out) const override { file_->print_name(out); }

private:
    Ref<File> file_;
    Ref<MemoryObject> object_;
};
} // namespace

Result<Ref<MappingSource>> mapping_source(Ref<File> file) {
    auto object = TRY(file->memory_object());
    return make_ref<FileMapping>(std::move(file), std::move(object)).transform([](auto made) {
        return Ref<MappingSource>{std::move(made)};
    });
}
} // namespace file
