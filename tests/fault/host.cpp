#include "host.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/unique_fd.hpp"

namespace vdsm_hook::test {
namespace {

namespace fs = boost::filesystem;
using namespace std::chrono_literals;

constexpr uid_t kNobody = 65534;

unsigned long failures_so_far() {
  using namespace boost::unit_test;
  return results_collector.results(framework::current_test_case().p_id).p_assertions_failed;
}

std::string read_whole(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

const HookPoint& point(PayloadKind payload, bool result_used, bool vetoes) {
  for (const auto& found : builtin_hook_points())
    if (found.ours.payload == payload && found.ours.result_used == result_used && found.ours.vetoes == vetoes &&
        found.ours == found.vdsm)
      return found;
  throw std::logic_error("there is no such hook point");
}
const HookPoint& vetoing_point() { return point(PayloadKind::domain_xml, true, true); }
const HookPoint& logging_point() { return point(PayloadKind::domain_xml, false, false); }

Host::Host() : descriptors_(open_descriptors()), failures_(failures_so_far()) {
  std::string path = (fs::temp_directory_path() / "vdsm-hook-test.XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make " + path);
  ::chmod(path.c_str(), 0755);
  root_ = path;
  for (const auto* name : {"/hooks", "/run", "/seen"}) ::mkdir((root_ + name).c_str(), 0755);
}

Host::~Host() {
  kill_left();
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  if (failures_so_far() > failures_) {
    BOOST_TEST_MESSAGE("kept: " << root_);
    return;
  }
  boost::system::error_code ignored;
  fs::remove_all(root_, ignored);
}

std::string Host::event_dir(std::string_view event) const {
  const auto path = hooks_dir() + "/" + std::string(event);
  ::mkdir(path.c_str(), 0755);
  return path;
}

std::string Host::hook(std::string_view event, const std::string& name) const {
  const auto original = root_ + "/fault_hook", path = event_dir(event) + "/" + name;
  if (!fs::exists(original)) {
    fs::copy_file(VDSM_HOOK_FAULT_HOOK, original);
    ::chmod(original.c_str(), 0755);
  }
  fs::create_hard_link(original, path);
  return path;
}

std::string Host::file(std::string_view event, const std::string& name, std::string_view content, mode_t mode) const {
  const auto path = event_dir(event) + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  ::chmod(path.c_str(), mode);
  return path;
}

Settings Host::settings() const {
  Settings settings;
  settings.paths.hooks_dirs = {hooks_dir()};
  settings.paths.config_dir = root_ + "/etc";
  settings.delivers_undefined =
      true;  // Nothing on this host defines a property; what is withheld is tested where it is decided.
  settings.paths.runtime_dir = runtime_dir();
  settings.paths.sdk_python_dir = "/nonexistent/python";
  // A copy lies here when the engine runs as somebody who may not enter the build tree.
  const auto copy = root_ + "/run-helper";
  settings.paths.helper = fs::exists(copy) ? copy : VDSM_HOOK_HELPER;
  settings.deadline = 30s;
  settings.grace = 200ms;
  return settings;
}

Request Host::request(const HookPoint& point) const {
  Request request;
  request.event = point.name;
  switch (point.ours.payload) {
    case PayloadKind::domain_xml: request.document = kDomain; break;
    case PayloadKind::device_xml:
      request.document = "<interface type='bridge'><mac address='52:54:00:00:00:01'/></interface>";
      break;
    case PayloadKind::json: request.document = kJson; break;
    case PayloadKind::none: break;
  }
  request.parameters = {{"FAULT_DIR", root_}};
  return request;
}

Report Host::run(const Request& request, std::stop_token stop) const { return Engine(settings()).run(request, stop); }

std::string Host::read(const std::string& name) const { return read_whole(root_ + "/" + name); }

void Host::write(const std::string& name, std::string_view content) const {
  std::ofstream(root_ + "/" + name, std::ios::binary) << content;
}

std::vector<pid_t> Host::alive() const {
  std::vector<pid_t> found;
  std::istringstream numbers(read("pids"));
  for (pid_t pid = 0; numbers >> pid;)
    if (is_alive(pid)) found.push_back(pid);
  return found;
}

void Host::kill_left() const {
  for (const auto pid : alive()) ::kill(pid, SIGKILL);
  eventually([this] { return alive().empty(); });
}

void Host::free_places() const {
  std::vector<std::string> mounts;
  std::ifstream list("/proc/self/mounts");
  for (std::string source, place, rest; list >> source >> place && std::getline(list, rest);)
    if (place.starts_with(root_)) mounts.push_back(place);
  for (auto place = mounts.rbegin(); place != mounts.rend(); ++place) ::umount2(place->c_str(), MNT_DETACH);
  for (fs::recursive_directory_iterator at(root_), end; at != end; ++at) {
    const UniqueFd fd(::open(at->path().c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (int flags = 0; fd && ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_IMMUTABLE_FL) != 0) {
      flags &= ~FS_IMMUTABLE_FL;
      ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
    }
  }
}

void Host::check_nothing_left(std::size_t survivors) const {
  BOOST_TEST(eventually([&] { return alive().size() == survivors; }), alive().size()
                                                                          << " processes live, not " << survivors);
  BOOST_TEST(fs::is_empty(runtime_dir()), "files are left in " << runtime_dir());
  BOOST_TEST(open_descriptors() == descriptors_);
  BOOST_TEST(!has_children(), "this process has children left");
}

boost::system::error_code error_code_of(const std::function<void()>& run, std::string* text) {
  try {
    run();
  } catch (const Error& error) {
    if (text != nullptr) *text = error.what();
    return error.code();
  }
  BOOST_ERROR("nothing was thrown");
  return {};
}

bool mentions(std::string_view text, std::string_view words) { return text.find(words) != std::string_view::npos; }

bool eventually(const std::function<bool()>& condition) {
  for (const auto end = std::chrono::steady_clock::now() + 10s; std::chrono::steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(2ms);
  }
  return condition();
}

bool is_alive(pid_t pid) {
  const auto stat = read_whole("/proc/" + std::to_string(pid) + "/stat");
  const auto close = stat.rfind(')');
  return close != std::string::npos && close + 2 < stat.size() && stat[close + 2] != 'Z' && stat[close + 2] != 'X';
}

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

std::size_t open_descriptors() {
  const fs::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(all, fs::directory_iterator())) - 1;  // its own
}

std::string in_child(const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int out = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 200);  // out of the way of whoever counts or closes the low ones
    ::close(ends[0]);
    ::close(ends[1]);
    std::string said;
    try {
      said = work();
    } catch (const std::exception& error) {
      said = std::string("!threw ") + error.what();
    }
    write_all(out, said, "the parent's pipe");
    ::_exit(0);
  }
  ::close(ends[1]);
  const UniqueFd in(ends[0]);
  auto said = read_to_end(in.get(), 1 << 20, "the child's pipe").value_or("!too much");
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "!ended with status " + std::to_string(status);
}

std::string as_nobody(const Host& host, const std::function<std::string()>& work) {
  fs::copy_file(VDSM_HOOK_HELPER, host.root() + "/run-helper", fs::copy_options::overwrite_existing);
  for (fs::recursive_directory_iterator at(host.root()), end; at != end; ++at)
    if (::lchown(at->path().c_str(), kNobody, kNobody) != 0) throw std::runtime_error("chown");
  if (::chown(host.root().c_str(), kNobody, kNobody) != 0) throw std::runtime_error("chown");
  return in_child([&work]() -> std::string {
    if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) return "!setuid";
    return work();
  });
}

Tmpfs::Tmpfs(std::string at, unsigned long flags) : at_(std::move(at)) {
  const auto options = "mode=755,size=" + std::to_string(kBytes);
  is_mounted_ = ::mount("none", at_.c_str(), "tmpfs", flags, options.c_str()) == 0;
}
Tmpfs::~Tmpfs() {
  if (is_mounted_) ::umount2(at_.c_str(), MNT_DETACH);
}

boost::test_tools::assertion_result can_mount(boost::unit_test::test_unit_id) {
  const auto place = fs::temp_directory_path() / fs::unique_path("vdsm-hook-test.%%%%%%");
  fs::create_directory(place);
  boost::test_tools::assertion_result result(Tmpfs(place.string(), 0).is_mounted());
  fs::remove(place);
  result.message() << "mounting is not permitted here";
  return result;
}

boost::test_tools::assertion_result is_root(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result result(::geteuid() == 0);
  result.message() << "only root can become another user";
  return result;
}

boost::test_tools::assertion_result can_lack_descriptors(boost::unit_test::test_unit_id) {
#ifdef __SANITIZE_ADDRESS__
  boost::test_tools::assertion_result result(false);
#else
  boost::test_tools::assertion_result result(true);
#endif
  result.message() << "the sanitizers need descriptors themselves";
  return result;
}

}  // namespace vdsm_hook::test
