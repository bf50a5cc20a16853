// libvirt's hooks directory below a host for one test.
#pragma once

#include <sys/stat.h>

#include <boost/filesystem.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "runners.hpp"
#include "vdsm_hook/libvirt_hooks/find_scripts.hpp"
#include "vdsm_hook/libvirt_hooks/scripts.hpp"

namespace vdsm_hook::test {

class LibvirtHost : public Host {
 public:
  LibvirtHost() {
    ::umask(022);  // the trust rules would not like what 002 makes
    boost::filesystem::create_directory(dir());
  }

  std::string dir() const { return root() + "/libvirt"; }
  /// Makes a file below dir(), and what directories it takes.
  std::string put(const std::string& name, const std::string& content = "#!/bin/sh\n", mode_t mode = 0755) const {
    const auto path = dir() + "/" + name;
    boost::filesystem::create_directories(boost::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    ::chmod(path.c_str(), mode);
    return path;
  }
  /// A script that notes that it ran, and then does WHAT.
  std::string note(const std::string& name, const std::string& what = "") const {
    return put(name, "#!/bin/sh\necho \"${0##*/}\" >>'" + root() + "/ran'\n" + what + "\n");
  }
  /// The names of those that ran.
  std::string ran() const {
    std::string names = read("ran");
    for (char& c : names)
      if (c == '\n') c = ' ';
    return names;
  }

  CallReport call(const LibvirtCall& call, const std::string& runner = "local", std::stop_token stop = {}) const {
    return call_libvirt_scripts(call, dir(), settings(), *make_runner(runner), std::move(stop));
  }
  CallReport run_tree(const LibvirtCall& call, const std::string& runner = "local") const {
    return run_scripts(find_vm_scripts(dir(), call, Trust()), {AfterFailure::stop, settings()}, call,
                       *make_runner(runner));
  }
};

inline LibvirtCall qemu(const std::string& operation, const std::string& object = "web-1") {
  const bool ends = operation == "stopped" || operation == "release";
  return {"qemu", object, operation, ends ? "end" : "begin", "-", kDomain};
}

inline std::vector<std::string> paths_of(const std::vector<HookFile>& files, const std::string& below) {
  std::vector<std::string> paths;
  for (const auto& file : files) paths.push_back(file.path.substr(below.size() + 1));
  return paths;
}

}  // namespace vdsm_hook::test
