// What the handlers of the Host ABI share.
#pragma once
#include "abi/host/numbers.h"
#include "arch/api/frame.h"
#include "container/json.h"
#include "core/mm/user.h"
#include "kernel/process/task.h"
#include <array>

namespace host_abi {
using Arguments = std::array<u64, 6>;
using Handler = Result<> (*)(Task&, const Arguments&);

/// The row for a number; null: Error::not_implemented.
Handler find_call(u64 number);
Handler find_container_call(Call);
Error to_error(Errno);

// All sizes from the user are bounded here: err::toobig.
inline constexpr usize max_text = 1 * MiB, max_texts = 4096;
Result<String> copy_text_in(Text, usize most = 4096);
Result<Vector<String>> copy_texts_in(u64 address, u64 count);
/// Fills the Text at `where` (0: nobody wants it).
Result<> copy_text_out(u64 where, std::string_view);
Result<std::array<Ref<File>, 3>> stdio_of(Task&, const u64 (&handles)[3]);
Exit to_exit(u64 pid, int wait_status);
} // namespace host_abi
