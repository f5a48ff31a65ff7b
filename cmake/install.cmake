# SPDX-License-Identifier: MIT
# cmake --install: the usual places below the prefix.
include(GNUInstallDirs)
set(doc ${CMAKE_INSTALL_DATADIR}/doc/workflow-plugin-cdc)

install(TARGETS wfhost RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS workflow-plugin-cdc LIBRARY DESTINATION ${CDC_PLUGIN_DIR})
install(FILES plugin.manifest.json DESTINATION ${CDC_PLUGIN_DIR})

install(FILES sdk/wf_plugin.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/workflow/sdk)
configure_file(cmake/workflow-plugin-sdk.pc.in workflow-plugin-sdk.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/workflow-plugin-sdk.pc
        DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)

install(FILES docs/wfhost.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/wfhost.bash RENAME wfhost
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES README.md CHANGELOG.md LICENSE THIRD-PARTY.md DESTINATION ${doc})
install(FILES sdk/README.md DESTINATION ${doc}/sdk)
install(DIRECTORY docs DESTINATION ${doc} FILES_MATCHING PATTERN *.md)
install(DIRECTORY examples DESTINATION ${doc} PATTERN CMakeLists.txt EXCLUDE)
