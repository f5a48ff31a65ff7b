# SPDX-License-Identifier: MIT
# The libraries nothing works without, each as PkgConfig::NAME.  What only one provider needs stands
# at that provider, in providers/CMakeLists.txt.  Debian: see scripts/common.bash.
find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
pkg_check_modules(cjson REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(yaml REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(sqlite REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(microhttpd REQUIRED IMPORTED_TARGET libmicrohttpd)
if(CDC_TESTS)
    pkg_check_modules(check QUIET IMPORTED_TARGET check)
    if(NOT check_FOUND)
        message(STATUS "Tests are left out: check was not found")
        set(CDC_TESTS OFF)
    endif()
endif()
