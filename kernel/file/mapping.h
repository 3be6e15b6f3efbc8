// Files behind memory mappings.
#pragma once
#include "kernel/file/file.h"

namespace file {
/// What a mapping of this file keeps alive and shows in /proc/pid/maps. The errors are File::memory_object()'s.
Result<Ref<MappingSource>> mapping_source(Ref<File>);
} // namespace file
