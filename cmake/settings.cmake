# SPDX-License-Identifier: MIT
# Compiler settings of every target: C17, hidden symbols, many warnings, banned functions.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")

# What all our targets link: include root, warnings, sanitizers.
add_library(cdc_settings INTERFACE)
target_include_directories(cdc_settings INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_definitions(cdc_settings INTERFACE _GNU_SOURCE CDC_VERSION="${PROJECT_VERSION}")
target_compile_options(cdc_settings INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wshadow -Wvla -Wpointer-arith -Wstrict-prototypes
      -Wmissing-prototypes -Wundef -Wwrite-strings -Wformat=2 -Wformat-nonliteral
      -Wcast-align -Wimplicit-fallthrough -fno-common -fstack-protector-strong>
    "$<$<COMPILE_LANGUAGE:C>:SHELL:-include ${PROJECT_SOURCE_DIR}/base/banned.h>")
# Optimising, gcc 12 follows paths on which a call that failed is taken to have said WF_OK: it does
# not see that error_set() gives its code back.  clang and the sanitizers look for the same.
target_compile_options(cdc_settings INTERFACE
    $<$<COMPILE_LANG_AND_ID:C,GNU>:-Wno-maybe-uninitialized>
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wnull-dereference>)
if(CDC_WERROR)
    target_compile_options(cdc_settings INTERFACE -Werror)
endif()
if(CDC_SANITIZE)
    add_compile_options(-fsanitize=${CDC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1)
    add_link_options(-fsanitize=${CDC_SANITIZE})
    if(CDC_SANITIZE MATCHES thread AND CMAKE_C_COMPILER_ID STREQUAL GNU)
        # gcc says that ThreadSanitizer does not follow atomic_thread_fence(); ours only stand between
        # atomics, where there is no race to miss.
        add_compile_options(-Wno-tsan)
    endif()
else()
    add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()
if(CDC_COVERAGE)
    add_compile_options(--coverage -O0 -fprofile-update=atomic)
    add_link_options(--coverage)
endif()
if(CDC_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
# What no export reaches does not ship.
add_compile_options($<$<CONFIG:Release>:-ffunction-sections> $<$<CONFIG:Release>:-fdata-sections>)
add_link_options(-Wl,--as-needed -Wl,-z,relro -Wl,-z,now $<$<CONFIG:Release>:-Wl,--gc-sections>)

find_program(CDC_CCACHE ccache)
if(CDC_CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${CDC_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CDC_CCACHE})
endif()
