// vdsm-hook libvirt-bridge install|remove|status
#include <sys/stat.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <boost/json/value.hpp>
#include <cerrno>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/bridge.hpp"
#include "vdsm_hook/cli/command.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"

namespace vdsm_hook::cli {
namespace {

namespace fs = boost::filesystem;

const std::vector<std::string> kDrivers{"qemu", "lxc", "libxl", "bhyve", "daemon"};
const std::vector<std::string> kUsualDrivers{"qemu", "daemon"};

// What one driver's scripts are.
struct LinkPlace {
  enum class State { installed, missing, broken, obstructed };
  std::string driver, main_script, directory, link;
  State state = State::missing;
  std::string target;      // of our link
  std::string obstacle;    // what is there instead of it
  std::string main;        // "none", "runs" or "not executable"
  bool has_trees = false;  // sub-directories of `directory`: the scripts of single VMs
};

std::string_view to_string(LinkPlace::State state) {
  switch (state) {
    case LinkPlace::State::installed: return "installed";
    case LinkPlace::State::missing: return "not installed";
    case LinkPlace::State::broken: return "broken";
    case LinkPlace::State::obstructed: return "something else is there";
  }
  return "";
}

std::string_view kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a link to something else";
  if (S_ISDIR(mode)) return "a directory";
  return S_ISREG(mode) ? "a file" : "something";
}

LinkPlace look(const std::string& hooks_dir, const std::string& driver) {
  LinkPlace place{
      driver, hooks_dir + "/" + driver, hooks_dir + "/" + driver + ".d", {}, LinkPlace::State::missing, {}, {}, "none"};
  place.link = place.directory + "/" + std::string(kBridgeName);
  if (const auto main = status_of(place.main_script))
    place.main = S_ISREG(main->st_mode) && may_execute(place.main_script) ? "runs" : "not executable";
  const auto directory = Directory::find(place.directory);
  if (!directory) return place;
  for (const auto& name : directory.names()) {
    const auto entry = directory.status(name, true);
    place.has_trees = place.has_trees || (entry && S_ISDIR(entry->st_mode));
  }
  const std::string name(kBridgeName);
  const auto status = directory.status(name);
  if (!status && errno != ENOENT) throw Error::from_errno("cannot look at " + place.link, errno);
  if (!status) return place;
  const auto target = directory.link_target(name);
  if (fs::path(target).filename() != "vdsm-hook") {
    place.state = LinkPlace::State::obstructed;
    place.obstacle = kind_of(status->st_mode);
    return place;
  }
  place.target = target;
  place.state = may_execute(place.link) ? LinkPlace::State::installed : LinkPlace::State::broken;
  return place;
}

// A main script that guides for GPU passthrough install runs these trees itself, and so does the bridge.
std::string doubt_about(const LinkPlace& place) {
  if (place.main != "runs" || !place.has_trees) return "";
  return place.main_script + " is there, and directories of VMs are in " + place.directory +
         ": if it is a dispatcher that runs the " +
         "scripts in these, each runs twice, since vdsm-hook runs them too. Take the dispatcher away then, or its "
         "execute bit";
}

void describe(Arguments& arguments, const std::string& action, const std::string& exit_codes) {
  arguments.note("Drivers, and what libvirt calls their scripts for:",
                 "  qemu    guests: QEMU and KVM\n"
                 "  lxc     guests: containers of LXC\n"
                 "  libxl   guests: Xen\n"
                 "  bhyve   guests: bhyve of FreeBSD\n"
                 "  daemon  host: libvirtd itself starts and stops\n");
  arguments.example("vdsm-hook libvirt-bridge " + action + " qemu daemon");
  arguments.exit_codes(exit_codes);
}

struct BridgeOptions {
  std::vector<std::string> drivers;
  std::string hooks_dir = "/etc/libvirt/hooks";

  void add_to(Arguments& arguments, const std::vector<std::string>& usual) {
    arguments.positional("DRIVER", &drivers, joined(kDrivers, ", ") + "; unless given: " + joined(usual, ", "))
        .one_of(kDrivers);
    arguments.option("--libvirt-hooks-dir", &hooks_dir, kDirectory, "instead of /etc/libvirt/hooks");
  }
  std::vector<LinkPlace> places(const std::vector<std::string>& usual) const {
    const auto absolute = fs::absolute(hooks_dir).lexically_normal().string();
    std::vector<LinkPlace> all;
    for (const auto& driver : drivers.empty() ? usual : drivers)
      all.push_back(look(absolute.ends_with('/') ? absolute.substr(0, absolute.size() - 1) : absolute, driver));
    return all;
  }
};

// 0755 whatever the umask is, where it is made here.
Directory make_directory(const fs::path& path) {
  if (auto there = Directory::find(path.string(), Links::own)) return there;
  if (path.has_parent_path()) make_directory(path.parent_path());
  auto made = vdsm_hook::make_directory(path.string(), 0755, 0755);
  const auto readable = made.open_file(".", O_RDONLY | O_DIRECTORY);
  if (!readable || ::fchmod(readable.fd.get(), 0755) != 0)
    throw Error::from_errno("cannot make the directory " + path.string(), errno);
  return made;
}

// What a killed install left under the name beside it goes first.
void make_link(const std::string& target, const Directory& directory, const std::string& link) {
  const std::string name(kBridgeName), beside = "." + name + ".vdsm-hook-new";
  directory.remove(beside);
  int error = directory.make_link(beside, target);
  if (error == 0) error = directory.rename(beside, name);
  if (error != 0) directory.remove(beside);
  if (error != 0) throw Error::from_errno("cannot make " + link, error);
}

int install_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook libvirt-bridge install",
                      "Makes vdsm-hook one of libvirt's hook scripts, so that VMs which libvirtd starts run "
                      "through their hooks. A main script /etc/libvirt/hooks/DRIVER is not touched, and "
                      "stays first.");
  describe(arguments, "install",
           "0 done; 2 wrong use, or something else is in the place of a link; 3 the engine could not do its work.");
  BridgeOptions options;
  options.add_to(arguments, kUsualDrivers);
  if (!arguments.parse(argc, argv)) return done;
  const auto places = options.places(kUsualDrivers);
  for (const auto& place : places)
    if (place.state == LinkPlace::State::obstructed)
      throw Error(Errc::wrong_use, place.link + " is " + place.obstacle +
                                       ", no link to vdsm-hook: nothing was changed. Move it away, then install again");
  const auto program = this_program();
  bool is_changed = false;
  for (const auto& place : places) {
    if (place.target == program && place.state == LinkPlace::State::installed) {
      print(place.link + " is there already\n");
      continue;
    }
    make_link(program, make_directory(place.directory), place.link);
    is_changed = true;
    print(place.link + " -> " + program + "\n");
  }
  for (const auto& place : places)
    if (const auto doubt = doubt_about(place); !doubt.empty()) complain("warning: " + doubt);
  if (is_changed)
    print(
        "The daemon that runs these VMs (libvirtd, virtqemud, ...) calls it at once if it had a hook script of that "
        "driver when it\n"
        "started; else after: systemctl reload libvirtd\n");
  return done;
}

int remove_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook libvirt-bridge remove",
                      "Takes the links away that install made, and their directories where nothing else is "
                      "in them.");
  describe(arguments, "remove", "0 done; 2 wrong use; 3 the engine could not do its work.");
  BridgeOptions options;
  options.add_to(arguments, kDrivers);
  if (!arguments.parse(argc, argv)) return done;
  bool is_changed = false;
  for (const auto& place : options.places(kDrivers)) {
    if (place.state == LinkPlace::State::obstructed)
      complain("note: " + place.link + " is " + place.obstacle + ", no link to vdsm-hook: it stays");
    if (place.target.empty()) continue;
    const auto hooks_dir = Directory::open(place.directory.substr(0, place.directory.rfind('/') + 1), Links::own);
    const Directory directory(hooks_dir.open_file(place.driver + ".d", O_PATH | O_DIRECTORY).fd);
    if (const int error = directory.remove(std::string(kBridgeName)); error != 0)
      throw Error::from_errno("cannot remove " + place.link, error);
    is_changed = true;
    print("removed " + place.link + "\n");
    if (hooks_dir.remove_directory(place.driver + ".d") == 0) print("removed " + place.directory + "\n");
  }
  if (!is_changed) print("there is nothing to remove\n");
  return done;
}

boost::json::value to_json(const LinkPlace& place) {
  return {{"driver", place.driver},        {"state", to_string(place.state)},
          {"link", printable(place.link)}, {"target", printable(place.target)},
          {"obstacle", place.obstacle},    {"main_script", place.main}};
}

int status_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook libvirt-bridge status", "Says whether libvirt calls vdsm-hook, driver by driver.");
  describe(arguments, "status",
           "0 it does, for each of them; 1 not for all; 2 wrong use; 3 the engine could not do its work.");
  BridgeOptions options;
  FormatOption format;
  options.add_to(arguments, kUsualDrivers);
  format.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;
  const auto places = options.places(kUsualDrivers);
  boost::json::array drivers;
  Table table;
  bool is_all = true;
  for (const auto& place : places) {
    is_all = is_all && place.state == LinkPlace::State::installed;
    drivers.push_back(to_json(place));
    auto state = std::string(to_string(place.state));
    if (!place.obstacle.empty()) state += " (" + place.obstacle + ")";
    table.push_back({place.driver, state, place.link + (place.target.empty() ? "" : " -> " + place.target)});
    if (place.main != "none")
      table.push_back({"", place.main_script +
                               (place.main == "runs" ? " runs before it" : " does not run: it is no executable file")});
  }
  for (const auto& place : places)
    if (const auto doubt = doubt_about(place); !doubt.empty()) complain("warning: " + doubt);
  if (format.is_json()) {
    print(to_line({{"drivers", std::move(drivers)}}));
  } else {
    for (const auto& line : aligned(table, 0)) print(printable(line));
  }
  return is_all ? done : vetoed;
}

constexpr Command kBridgeActions[] = {
    {"install", "make libvirt call vdsm-hook", &install_main},
    {"remove", "take that back", &remove_main},
    {"status", "say whether libvirt does", &status_main},
};

}  // namespace

int libvirt_bridge_main(int argc, char** argv) {
  return run_action(kBridgeActions, "vdsm-hook libvirt-bridge",
                    "vdsm-hook as one of libvirt's hook scripts: events fire for VMs that libvirtd starts.", argc,
                    argv);
}

}  // namespace vdsm_hook::cli
