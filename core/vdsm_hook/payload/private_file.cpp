#include "vdsm_hook/payload/private_file.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/removal.hpp"
#include "vdsm_hook/base/text.hpp"

namespace vdsm_hook {
namespace {

constexpr const char* kFileName = "payload";
constexpr const char* kNewFileName = ".payload.new";
// A time that no write can leave behind, whatever the clock's granularity.
constexpr timespec kPast{1, 0};
// Besides the one in use; each holds a descriptor.
constexpr std::size_t kMaxKeptDirectories = 16;

// Nobody but us makes such a directory, and nobody else could in a directory that is only ours.
constexpr std::string_view kDirectoryPrefix = "vdsm-hook-run-";

bool is_own(const Directory& directory) {
  const auto st = directory.status();
  return st && st->st_uid == ::geteuid() && st->st_nlink > 0;
}

// A directory whose owner still lives is locked.
void remove_abandoned(const Directory& runtime_dir) {
  runtime_dir.each_name([&](const std::string& name) {
    if (!name.starts_with(kDirectoryPrefix) || !is_uuid(std::string_view(name).substr(kDirectoryPrefix.size())))
      return true;
    auto opened = runtime_dir.open_file(name, O_RDONLY | O_DIRECTORY);
    if (!opened || ::flock(opened.fd.get(), LOCK_EX | LOCK_NB) != 0) return true;
    // Locked is what had this name when it was opened; what has it now may be another's that is alive.
    const Directory locked(std::move(opened.fd));
    if (is_own(locked)) remove_tree(runtime_dir, name);
    return true;
  });
}

std::string_view kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

PrivateFile::Place::~Place() {
  if (!directory) return;
  remove_contents(directory);  // what cannot be removed now, the next run removes
  runtime_dir.remove_directory(name);
}

PrivateFile::PrivateFile(const std::string& runtime_dir, const std::string& run_id, std::string document)
    : runtime_path_(runtime_dir), runtime_dir_(make_own_directory(runtime_dir)) {
  remove_abandoned(runtime_dir_);
  make_directory(run_id);
  write(document);
  document_ = std::move(document);
}

PrivateFile::~PrivateFile() = default;

void PrivateFile::make_directory(const std::string& id) {
  const auto name = std::string(kDirectoryPrefix) + id;
  const auto path = runtime_path_ + "/" + name;
  // Somebody else's remove_abandoned() may take the directory before it is locked: then again.
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (const int error = runtime_dir_.make_directory(name, 0700); error != 0 && error != EEXIST)
      throw Error::from_errno("cannot make the directory " + path, error);
    auto opened = runtime_dir_.open_file(name, O_RDONLY | O_DIRECTORY);
    if (!opened && opened.error != ENOENT) opened.fail("open the directory", path);
    if (!opened || ::flock(opened.fd.get(), LOCK_EX) != 0) continue;
    Directory directory(std::move(opened.fd));
    if (!is_own(directory)) continue;
    places_.emplace_back(runtime_dir_, name, path, std::move(directory));
    path_ = path + "/" + kFileName;
    return;
  }
  throw Error(Errc::engine_failure, "cannot keep the directory " + path + ": another process removes it");
}

// Why what has the path now is not where this object put it.
std::optional<std::string> PrivateFile::misplaced() const {
  const auto& place = places_.back();
  const auto now = FilePlace::of(path_);
  const auto ours = place.directory.status(), there = status_of(place.path, false);
  if (!ours || ours->st_nlink == 0) return std::nullopt;  // it was removed, and its file with it
  if (!there) return "is not where it was: its directory was moved away";
  if (there->st_dev != ours->st_dev || there->st_ino != ours->st_ino)
    return "is not where it was: its directory was replaced or mounted over";
  if (now.file.inode == 0) return std::nullopt;
  if (now.mount != place_.mount) return "or its directory was mounted over";
  if (now.file_locks != place_.file_locks || now.directory_locks != place_.directory_locks)
    return "or its directory was made immutable or append-only";
  return std::nullopt;
}

PrivateFile::Content PrivateFile::read_back(std::size_t max_bytes) const {
  if (watched().is_untouched()) return {State::untouched, {}, {}};
  const auto broken = [](std::string problem) {
    return Content{State::broken, {}, "the payload file " + std::move(problem)};
  };
  // Whatever the file is when it is opened: something that a hook left running may still be at work.
  const auto unusable = [&](int error) {
    if (error == ENOENT) return broken("was deleted");
    if (error == EACCES || error == EPERM) return broken("may not be read any more (its mode, or its directory's)");
    if (error == ELOOP || error == ENXIO) return broken("was replaced by something that is no file");
    throw Error::from_errno("cannot read " + path_, error);
  };
  if (auto why = misplaced()) return broken(std::move(*why));
  const auto& directory = places_.back().directory;
  const auto named = directory.status(kFileName);
  if (!named) return unusable(errno);
  if (!S_ISREG(named->st_mode)) return broken("was replaced by " + std::string(kind_of(named->st_mode)));
  const auto opened = directory.open_file(kFileName, O_RDONLY | O_NONBLOCK);
  if (!opened) return unusable(opened.error);
  struct stat st {};
  if (::fstat(opened.fd.get(), &st) != 0) return unusable(errno);
  if (!S_ISREG(st.st_mode)) return unusable(ELOOP);
  if (st.st_uid != ::geteuid()) return broken("belongs to another user (uid " + std::to_string(st.st_uid) + ")");
  const auto size = static_cast<std::size_t>(st.st_size);
  auto document = size > max_bytes ? std::nullopt : read_to_end(opened.fd.get(), max_bytes, path_);
  if (!document)
    return broken("has " + std::to_string(std::max(size, max_bytes + 1)) + " bytes, more than the limit of " +
                  std::to_string(max_bytes));
  return {State::rewritten, std::move(*document), {}};
}

std::optional<std::string> PrivateFile::put(std::string document) {
  if (const auto why = misplaced()) return "the payload file " + *why;
  try {
    write(document);
  } catch (const Error& error) {
    return error.what();
  }
  document_ = std::move(document);
  return std::nullopt;
}

void PrivateFile::renew(std::string document) {
  if (places_.size() > kMaxKeptDirectories) places_.pop_front();
  try {
    make_directory(random_uuid());
    write(document);
  } catch (const Error&) {
    places_.clear();  // what hooks left in them may be what fills the disk
    make_directory(random_uuid());
    write(document);
  }
  document_ = std::move(document);
}

void PrivateFile::write(std::string_view document) {
  const auto& directory = places_.back().directory;
  ::fchmod(directory.fd(), 0700);
  int error = 0;
  const auto put_there = [&] {
    error = write_new(document);
    if (error == 0) error = directory.rename(kNewFileName, kFileName);
    return error == 0;
  };
  if (!put_there()) {
    remove_contents(directory);  // what a hook left in it may be what fills the disk, or has the file's name
    if (!put_there()) throw Error::from_errno("cannot write " + path_, error);
  }
  place_ = FilePlace::of(path_);
}

// Writes the new file, of an age that no hook's write has. Returns 0 or errno's value.
int PrivateFile::write_new(std::string_view document) const {
  const auto& directory = places_.back().directory;
  directory.remove(kNewFileName);
  const auto opened = directory.open_file(kNewFileName, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (!opened) return opened.error;
  while (!document.empty()) {
    const auto n = ::write(opened.fd.get(), document.data(), document.size());
    if (n >= 0) {
      document.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  const timespec times[2] = {kPast, kPast};
  return ::futimens(opened.fd.get(), times) == 0 ? 0 : errno;
}

}  // namespace vdsm_hook
