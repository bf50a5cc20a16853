#include "vdsm_hook/base/file_place.hpp"

#include "vdsm_hook/base/open_path.hpp"

namespace vdsm_hook {
namespace {

FileTarget place_from(const struct stat& st) {
  return {st.st_dev, st.st_ino, {}, S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode)};
}

}  // namespace

std::optional<FileTarget> place_of(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) return std::nullopt;
  return place_from(st);
}

std::optional<FileTarget> place_of(const std::string& name) {
  const auto place = find_place(name, Links::own);
  if (place.found) return place_of(place.found.get());
  auto above = place.directory ? place_of(place.directory.get()) : std::nullopt;
  if (above) above->new_name = place.last;
  return above;
}

}  // namespace vdsm_hook
