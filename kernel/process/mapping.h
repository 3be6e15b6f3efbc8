// Files behind memory mappings, and how /proc names open files.
#pragma once
#include "kernel/file/file.h"

namespace process {
/// What a mapping of this file keeps alive and shows in /proc/pid/maps. `writes`: it is shared and may write, now or
/// after mprotect(2). err::perm: the file is sealed against that; others are File::memory_object()'s.
Result<Ref<MappingSource>> mapping_source(Ref<File>, bool writes);
/// The name of an open file as the current task sees it: a path from its root.
void print_name(Writer&, File&);
} // namespace process
