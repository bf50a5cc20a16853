// Whole files: read within a bound, replaced atomically.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

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
/// where the caller may, owner of an existing file are kept, a new one is 0600. What a link points to is replaced, not
/// the link. Something else than a regular file there (a pipe, a
/// device) is written to as it stands. Throws engine_failure.
void replace_file(const std::string& name, std::string_view data);

}  // namespace vdsm_hook
