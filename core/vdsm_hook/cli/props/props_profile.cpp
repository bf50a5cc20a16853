// vdsm-hook props profile: vNIC profiles, and which vNICs refer to them
#include <sys/stat.h>

#include <algorithm>

#include "vdsm_hook/base/directory.hpp"
#include "vdsm_hook/base/error.hpp"
#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/base/text.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/cli/command.hpp"
#include "vdsm_hook/cli/console.hpp"
#include "vdsm_hook/cli/exit_code.hpp"
#include "vdsm_hook/cli/front.hpp"
#include "vdsm_hook/cli/json.hpp"
#include "vdsm_hook/cli/layout.hpp"
#include "vdsm_hook/cli/options.hpp"
#include "vdsm_hook/cli/props/props.hpp"

namespace vdsm_hook::cli {
namespace {

constexpr std::string_view kNic = "interface";
constexpr Value kProfile{"PROFILE", "vnic_profile"};

std::string in_quotes(std::string_view name) { return "'" + printable(name.substr(0, 80)) + "'"; }

VnicProfile& profile_of(PropertyStore& store, const std::string& name) {
  const auto found = store.profiles.find(name);
  if (found != store.profiles.end()) return found->second;
  std::vector<std::string_view> names;
  for (const auto& [known, content] : store.profiles) names.push_back(known);
  throw Error(Errc::wrong_use, "there is no vNIC profile " + in_quotes(name) + did_you_mean(name, names));
}

// The vNICs in DOMAIN, which is " in FILE", that refer to the profile NAME.
std::vector<std::string> users_in(const DomainEditor& domain, const std::string& where, const std::string& name) {
  std::vector<std::string> users;
  for (const auto& device : domain.devices())
    if (const auto* metadata = domain.facts().about(device); metadata != nullptr && metadata->profile == name)
      users.push_back(device.to_text() + " of the VM " + domain.facts().name + where);
  return users;
}

std::vector<std::string> users_of(const VnicProfile& profile, const std::string& name, const Settings& settings) {
  std::vector<std::string> users;
  for (const auto& file : profile.files) {
    if (!status_of(file) && (errno == ENOENT || errno == ENOTDIR)) {
      users.push_back("nobody knows whom: " + file + " is gone or was moved");
      continue;
    }
    try {
      for (auto& user :
           users_in(DomainEditor(read_regular_file(file, settings.max_payload_bytes)), " in " + file, name))
        users.push_back(std::move(user));
    } catch (const Error& error) {
      users.push_back("nobody knows whom: " + file + " cannot be read: " + error.what());
    }
  }
  return users;
}

// Among libvirt's VMs. Throws Error when libvirt cannot be asked.
std::vector<std::string> users_in_libvirt(const LibvirtVms& vms, const std::string& name) {
  std::vector<std::string> users;
  for (const auto& document : vms.read("", "")) {
    try {
      for (auto& user : users_in(DomainEditor(document.xml), document.is_running ? ", which runs" : "", name))
        users.push_back(std::move(user));
    } catch (const Error& error) {
      users.push_back("nobody knows whom: the metadata of the VM " + read_domain_facts(document.xml).name +
                      " cannot be read: " + error.what());
    }
  }
  return users;
}

// The profile that the device in DOMAIN refers to; empty: none.
std::string profile_at(const DomainEditor& domain, std::size_t device) {
  const auto* metadata = domain.facts().about(domain.devices()[device]);
  return metadata == nullptr ? std::string() : metadata->profile;
}

// The store need not look into FILE for users of the profile NAME when none is left there.
void forget_unused(PropertyStore& store, const std::string& name, const DomainFile& file) {
  const auto known = store.profiles.find(name);
  if (known != store.profiles.end() && users_in(file.editor(), "", name).empty())
    std::erase(known->second.files, file.name());
}

std::string to_text(const PropertyStore& store, const std::string& only) {
  std::string text;
  for (const auto& [name, profile] : store.profiles) {
    if (!only.empty() && only != name) continue;
    text += printable(name) + "\n";
    for (const auto& [property, value] : profile.properties) text += "  " + property + " = " + printable(value) + "\n";
    for (const auto& file : profile.files) text += "  used in " + printable(file) + "\n";
  }
  return text;
}

boost::json::value to_json(const PropertyStore& store, const std::string& only) {
  boost::json::array profiles;
  for (const auto& [name, profile] : store.profiles) {
    if (!only.empty() && only != name) continue;
    boost::json::array properties;
    for (const auto& [property, value] : profile.properties)
      properties.push_back({{"name", property}, {"value", printable(value)}});
    profiles.push_back(
        {{"name", printable(name)}, {"properties", std::move(properties)}, {"files", json_list(profile.files)}});
  }
  return {{"profiles", std::move(profiles)}};
}

std::vector<PropertyProblem> judge(const PropertyValues& values, const Settings& settings) {
  SidecarCache sidecars;
  return validate_device(kNic, values, find_host_properties(settings, read_store(settings), sidecars).device);
}

// Of every action on one profile.
struct ProfileOptions {
  std::string name;
  FormatOption format;
  LocationOptions locations;

  void add_to(Arguments& arguments, const std::string& description, Value value = kProfile) {
    arguments.positional(value, &name, description).required();
  }
  void add_rest_to(Arguments& arguments) {
    format.add_to(arguments);
    locations.add_to(arguments);
  }
};

int list_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props profile list",
                      "Lists the vNIC profiles, their properties, and the files of the VMs that use them.");
  arguments.example("vdsm-hook props profile list fast");
  std::string name;
  FormatOption format;
  LocationOptions locations;
  arguments.positional(kProfile, &name, "only this one");
  format.add_to(arguments);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  auto store = read_store(locations.load());
  if (!name.empty()) static_cast<void>(profile_of(store, name));
  if (store.profiles.empty() && !format.is_json()) complain("note: there is no vNIC profile");
  print(format.is_json() ? to_line(to_json(store, name)) : to_text(store, name));
  return done;
}

int create_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props profile create",
                      "Makes a vNIC profile. Its properties are judged as those of an interface.");
  arguments.example("vdsm-hook props profile create fast speed=1000 duplex=full");
  arguments.exit_codes("0 made; 1 a value is refused; 2 there is one of this name, or wrong use.");
  ProfileOptions options;
  std::vector<std::string> words;
  options.add_to(arguments, "the name of the new profile", "PROFILE");
  arguments.positional({"SETTING", "device_property"}, &words, "NAME=VALUE");
  options.add_rest_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  if (const auto why = refused_profile_name(options.name))
    throw Error(Errc::wrong_use, "vNIC profile " + in_quotes(options.name) + ": " + *why);
  const auto values = read_variables(words, "the property");
  const auto settings = options.locations.load();
  Change change;
  change.problems = judge(values, settings);
  if (change.problems.empty())
    change_store(settings, [&](PropertyStore& store) {
      if (!store.profiles.emplace(options.name, VnicProfile{values, {}}).second)
        throw Error(Errc::wrong_use, "there is a vNIC profile " + in_quotes(options.name) +
                                         " already; vdsm-hook props profile edit changes it");
      change.changed = true;
      change.done.push_back("vNIC profile " + options.name + " is made");
    });
  return tell(change, options.format);
}

int edit_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props profile edit",
                      "Changes the properties of a vNIC profile, for all vNICs that use it: what they get "
                      "at their next start or plug.");
  arguments.example("vdsm-hook props profile edit fast speed=10000 --unset duplex");
  arguments.exit_codes("0 done; 1 a value is refused; 2 there is no such profile, or wrong use.");
  ProfileOptions options;
  std::vector<std::string> words, unset;
  options.add_to(arguments, "its name");
  arguments.positional({"SETTING", "device_property"}, &words, "NAME=VALUE");
  arguments.option("--unset", &unset, "NAME", "a property to take out");
  options.add_rest_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto values = read_variables(words, "the property");
  if (values.empty() && unset.empty())
    throw Error(Errc::wrong_use, "nothing is to be changed: give NAME=VALUE or --unset NAME");
  const auto settings = options.locations.load();
  Change change;
  change.problems = judge(values, settings);
  if (change.problems.empty())
    change_store(settings, [&](PropertyStore& store) {
      auto& profile = profile_of(store, options.name);
      const auto before = profile.properties;
      for (const auto& name : unset)
        if (std::erase_if(profile.properties, [&name](const auto& entry) { return entry.first == name; }) == 0)
          throw Error(Errc::wrong_use,
                      "the vNIC profile " + in_quotes(options.name) + " has no property " + in_quotes(name));
      for (const auto& [name, value] : values) {
        const auto is_it = [&name = name](const auto& entry) { return entry.first == name; };
        const auto found = std::find_if(profile.properties.begin(), profile.properties.end(), is_it);
        if (found != profile.properties.end()) {
          found->second = value;
        } else {
          profile.properties.emplace_back(name, value);
        }
      }
      change.changed = profile.properties != before;
      change.done.push_back("vNIC profile " + options.name + " is changed");
    });
  return tell(change, options.format);
}

int delete_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props profile delete",
                      "Deletes a vNIC profile that no vNIC refers to. Looked at are the VMs of libvirt's "
                      "default connection, and files that were given to vdsm-hook props profile attach, by "
                      "their names then: a reference elsewhere is not seen, and of a file that is gone "
                      "nobody knows.");
  arguments.example("vdsm-hook props profile delete fast");
  arguments.exit_codes(
      "0 deleted; 1 it is in use, or nobody knows: by whom is listed; 2 there is no such profile, or wrong use.");
  ProfileOptions options;
  bool is_forced = false;
  options.add_to(arguments, "its name");
  arguments.flag("--force", is_forced, "delete it although it is in use or nobody knows");
  options.add_rest_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto settings = options.locations.load();
  Change change;
  std::vector<std::string> libvirt_users;
  try {
    if (libvirt_vms == nullptr) continue_with(kWithLibvirt, {"props", "profile", "delete"}, argc, argv);
    libvirt_users = users_in_libvirt(*libvirt_vms, options.name);
  } catch (const Error& error) {
    std::string why = error.what();
    std::replace(why.begin(), why.end(), '\n', ' ');
    change.notes.push_back("VMs in libvirt were not looked at: " + why);
  }
  change_store(settings, [&](PropertyStore& store) {
    auto users = users_of(profile_of(store, options.name), options.name, settings);
    users.insert(users.end(), libvirt_users.begin(), libvirt_users.end());
    if (!users.empty() && !is_forced) {
      change.in_use = std::move(users);
      change.way_out = "--force deletes it although it is in use or nobody knows";
      return;
    }
    for (const auto& user : users) change.notes.push_back("it was in use by " + user);
    store.profiles.erase(options.name);
    change.changed = true;
    change.done.push_back("vNIC profile " + options.name + " is deleted");
  });
  return tell(change, options.format);
}

// FILE as it is found again from anywhere.
std::string real_name(const std::string& file) {
  const auto opened = open_path(file, O_PATH);
  if (!opened) opened.fail("open", file, Errc::wrong_use);
  return path_of(opened.fd.get());
}

std::size_t find_nic(const DomainEditor& domain, const std::string& selector) {
  const auto place = domain.find_device(selector);
  if (domain.devices()[place].type != kNic)
    throw Error(Errc::wrong_use, domain.devices()[place].to_text() + " is no vNIC; only those have vNIC profiles");
  return place;
}

int attach_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props profile attach",
                      "Lets a vNIC refer to a profile: it has the profile's properties, and its own over "
                      "them.");
  arguments.example("vdsm-hook props profile attach fast --domxml vm.xml --device 52:54:00:6b:3c:58");
  ProfileOptions options;
  DomainOptions domain;
  options.add_to(arguments, "its name");
  domain.add_file_to(arguments, "the vNIC: by MAC address, alias, target device, address, or interface:N");
  options.add_rest_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto settings = options.locations.load();
  const auto name = real_name(domain.domxml);
  // The domain's lock first: whoever may read the file can hold it, and must not keep others from the store.
  DomainFile file(name, settings);
  const auto nic = find_nic(file.editor(), domain.device);
  const auto old = profile_at(file.editor(), nic);
  file.editor().set_profile(nic, options.name);
  const auto is_known = [&name](const VnicProfile& profile) {
    return std::find(profile.files.begin(), profile.files.end(), name) != profile.files.end();
  };
  // First the store knows where to look, then the vNIC refers to it: whatever happens in between, no user is unknown.
  change_store(settings, [&](PropertyStore& store) {
    auto& profile = profile_of(store, options.name);
    if (!is_known(profile)) profile.files.push_back(name);
  });
  Change change;
  change_store(settings, [&](PropertyStore& store) {
    if (!is_known(profile_of(store, options.name)))
      throw Error(Errc::engine_failure, "the vNIC profile " + in_quotes(options.name) +
                                            " was made anew in the meantime: attach the vNIC again");
    change.changed = file.save();
    if (old != options.name) forget_unused(store, old, file);
    change.done.push_back(file.editor().devices()[nic].to_text() + ": vNIC profile " + options.name);
  });
  return tell(change, options.format);
}

int detach_main(int argc, char** argv) {
  Arguments arguments("vdsm-hook props profile detach",
                      "Ends a vNIC's reference to its profile. Its own properties stay.");
  arguments.example("vdsm-hook props profile detach --domxml vm.xml --device 52:54:00:6b:3c:58");
  DomainOptions domain;
  FormatOption format;
  LocationOptions locations;
  domain.add_file_to(arguments, "the vNIC: by MAC address, alias, target device, address, or interface:N");
  format.add_to(arguments);
  locations.add_to(arguments);
  if (!arguments.parse(argc, argv)) return done;

  const auto settings = locations.load();
  DomainFile file(real_name(domain.domxml), settings);  // locked before the store is, as attach does
  const auto nic = find_nic(file.editor(), domain.device);
  const auto profile = profile_at(file.editor(), nic);
  if (profile.empty())
    throw Error(Errc::wrong_use, file.editor().devices()[nic].to_text() + " refers to no vNIC profile");
  file.editor().set_profile(nic, std::nullopt);
  Change change;
  change_store(settings, [&](PropertyStore& store) {
    change.changed = file.save();
    change.done.push_back(file.editor().devices()[nic].to_text() + ": no vNIC profile");
    forget_unused(store, profile, file);
  });
  return tell(change, format);
}

constexpr Command kProfileActions[] = {
    {"list", "show the profiles, and which files use them", &list_main},
    {"create", "make one", &create_main},
    {"edit", "change its properties", &edit_main},
    {"delete", "delete one that is not used", &delete_main},
    {"attach", "let a vNIC refer to one", &attach_main},
    {"detach", "end the reference", &detach_main},
};

}  // namespace

int props_profile_main(int argc, char** argv) {
  return run_action(kProfileActions, "vdsm-hook props profile",
                    "vNIC profiles: named sets of properties that vNICs refer to.", argc, argv);
}

}  // namespace vdsm_hook::cli
