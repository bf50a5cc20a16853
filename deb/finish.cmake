# What CPack does between installing the components and packing them. cpack's configuration, which deb.py prints, says how.
execute_process(COMMAND ${VDSM_HOOK_FINISH} --stage ${CPACK_TEMPORARY_INSTALL_DIRECTORY} COMMAND_ERROR_IS_FATAL ANY)
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} name)
  file(GLOB CPACK_DEBIAN_${name}_PACKAGE_CONTROL_EXTRA ${CPACK_PACKAGE_DIRECTORY}/control/${component}/*)
endforeach()
