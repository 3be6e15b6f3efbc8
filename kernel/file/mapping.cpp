#include "kernel/file/mapping.h"
#include "kernel/device/device.h"
#include "kernel/file/current.h"
#include "kernel/vfs/inode.h"

namespace file {
namespace {
class FileMapping final : public MappingSource {
public:
    FileMapping(Ref<File> file, Ref<MemoryObject> object) : file_{std::move(file)}, object_{std::move(object)} {}
    ~FileMapping() override {
        if (writes_) file_->inode()->end_mapped_writing();
    }
    Result<> begin_writing() {
        if (!file_->inode()) return {};
        TRY(file_->inode()->begin_mapped_writing());
        writes_ = true;
        return {};
    }
    MemoryObject& object() override { return *object_; }
    Identity identity() const override {
        vfs::Inode* inode = file_->inode();
        if (!inode) return {};
        u64 device = inode->superblock().device();
        return {device::major(device), device::minor(device), inode->number()};
    }
    void print_path(Writer& out) const override { print_name(out, *file_); }

private:
    Ref<File> file_;
    Ref<MemoryObject> object_;
    bool writes_ = false;
};
} // namespace

Result<Ref<MappingSource>> mapping_source(Ref<File> file, bool writes) {
    auto object = TRY(file->memory_object());
    auto made = TRY(make_ref<FileMapping>(std::move(file), std::move(object)));
    if (writes) TRY(made->begin_writing());
    return Ref<MappingSource>{std::move(made)};
}
} // namespace file
