#include "vdsm_hook/base/file_place.hpp"

#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>

namespace vdsm_hook {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel has it

FilePlace place_from(const struct stat& st) { return {st.st_dev, st.st_ino, {}, S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode)}; }

}  // namespace

std::optional<FilePlace> place_of(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return std::nullopt;
  return place_from(st);
}

std::optional<FilePlace> place_of(const std::string& name) {
  struct stat st{};
  if (::stat(name.c_str(), &st) == 0) return place_from(st);
  boost::filesystem::path path(name);
  boost::system::error_code error;
  for (int links = 0; links < kMaxLinks && boost::filesystem::is_symlink(path, error); ++links) {
    const auto target = boost::filesystem::read_symlink(path, error);
    path = target.is_absolute() ? target : path.parent_path() / target;
  }
  const auto directory = path.parent_path();
  if (path.filename().empty() || ::stat(directory.empty() ? "." : directory.c_str(), &st) != 0) return std::nullopt;
  auto place = place_from(st);
  place.new_name = path.filename().string();
  return place;
}

}  // namespace vdsm_hook
