// Moving bytes between open files.
#pragma once
#include "kernel/file/file.h"

namespace file {
/// sendfile(2), copy_file_range(2), splice(2): no user memory; the pages of a regular file are not copied into a pipe.
/// `in_at`/`out_at` null: the position. `nonblocking`: does not wait for room in a pipe; `in_too`: nor for a stream's
/// bytes. `more`: others follow soon, also behind the last byte (SPLICE_F_MORE). A socket is told of each but the last
/// that more follows, and may keep the pages instead of copying them.
struct Transfer {
    bool nonblocking = false, in_too = false, more = false;
};
Result<usize> transfer(File& in, u64* in_at, File& out, u64* out_at, usize n, Transfer = {});
/// vmsplice(2): user memory as pieces into a pipe, as many as fit after one wait for room. err::again, err::pipe with
/// SIGPIPE, err::fault, err::restartsys.
Result<usize> put_memory(File& pipe, std::span<const UserSegment> from, bool nonblocking);
} // namespace file
