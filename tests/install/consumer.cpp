// consumer HOOKS_DIR RUNTIME_DIR: runs before_vm_start on a small domain and prints what became of it.
#include <iostream>
#include <vdsm_hook/base/error.hpp>
#include <vdsm_hook/engine/engine.hpp>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    auto settings = vdsm_hook::Settings::load();
    settings.paths.hooks_dirs = {argv[1]};
    settings.paths.runtime_dir = argv[2];
    const vdsm_hook::Engine engine(std::move(settings));
    vdsm_hook::Request request;
    request.event = "before_vm_start";
    request.document = "<domain><name>guest</name></domain>";
    request.properties = {{"colour", "red"}};
    const auto report = engine.run(request);
    for (const auto& problem : report.problems) std::cerr << problem.what << ": " << problem.why << "\n";
    std::cout << report.document << (report.vetoed ? " vetoed" : " done") << "\n";
    return report.vetoed ? 1 : 0;
  } catch (const vdsm_hook::Error& error) {
    std::cerr << error.what() << "\n";
    return 3;
  }
}
