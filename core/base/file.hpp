// Whole files: read within a bound, replaced atomically.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook {

/// The rest of FD to its end. nullopt: more than MAX_BYTES. Throws engine_failure, naming NAME, when reading fails.
std::optional<std::string> read_to_end(int fd, std::size_t max_bytes, const std::string& name);

/// The content of the file NAME. Throws wrong_use when it cannot be opened or is larger than MAX_BYTES.
std::string read_file(const std::string& name, std::size_t max_bytes);
/// The same, but wrong_use too for what is no regular file: a pipe would be waited for.
std::string read_regular_file(const std::string& name, std::size_t max_bytes);

/// Everything of DATA to FD; EINTR and short writes are dealt with. Throws engine_failure, naming NAME.
void write_all(int fd, std::string_view data, const std::string& name);

/// NAME has DATA or what it had before, also after a crash: written beside it, synced, renamed over it; mode and,
/// where the caller may, owner of an existing file are kept, a new one has NEW_MODE. What a link points to is replaced, not
/// the link. Something else than a regular file there (a pipe, a
/// device) is written to as it stands. Throws engine_failure.
void replace_file(const std::string& name, std::string_view data, mode_t new_mode = 0600);

/// Keeps everybody else who locks the file NAME waiting until the descriptor is closed or this process ends. What is
/// called NAME afterwards is what is locked, also when it was replaced in the meantime. IS_NEW_OK: a file that is not
/// there is made, empty and 0600. Throws engine_failure when another process holds it for kMaxLockWait, wrong_use when
/// it cannot be opened.
UniqueFd lock_file(const std::string& name, bool is_new_ok);

}  // namespace vdsm_hook
