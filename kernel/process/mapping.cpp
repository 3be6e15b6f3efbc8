#include "kernel/process/mapping.h"
#include "kernel/process/task.h"
#include "kernel/vfs/device.h"
#include "kernel/vfs/page_cache.h"

namespace process {
namespace {
class FileMapping final : public MappingSource {
public:
    FileMapping(Ref<File> file, Ref<MemoryObject> object) : file_{std::move(file)}, object_{std::move(object)} {}
    ~FileMapping() override {
        if (writes_) writes_->end_mapped_writing();
    }
    Result<> begin_writing() {
        auto* pages = file_->inode() ? file_->inode()->pages() : nullptr;
        if (pages) TRY(pages->begin_mapped_writing());
        writes_ = pages;
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
    Result<> sync(u64 first, u64 bytes) override {
        if (!file_->inode() || !file_->inode()->pages()) return {};
        return file_->sync({SyncRange::Scope::data, first, first + bytes});
    }

private:
    Ref<File> file_;
    Ref<MemoryObject> object_;
    vfs::PageCache* writes_ = nullptr; // of the file, when the mapping may write to it
};
} // namespace

Result<Ref<MappingSource>> mapping_source(Ref<File> file, bool writes) {
    auto object = TRY(file->memory_object());
    auto made = TRY(make_ref<FileMapping>(std::move(file), std::move(object)));
    if (writes) TRY(made->begin_writing());
    return Ref<MappingSource>{std::move(made)};
}

void print_name(Writer& out, File& f) {
    vfs::FsContext* fs = Thread::current().is_user() ? Task::current().fs.get() : nullptr;
    if (fs && f.path())
        vfs::print_path(out, *f.path(), fs->root());
    else
        f.print_name(out);
}
} // namespace process
