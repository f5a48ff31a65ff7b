# SPDX-License-Identifier: MIT
# How a file in a test folder becomes a test; tests/CMakeLists.txt says what the files look like.
set(CDC_TEST_ENVIRONMENT
    "WFHOST=${PROJECT_BINARY_DIR}/wfhost"
    "PLUGIN_SO=${PROJECT_BINARY_DIR}/workflow-plugin-cdc.so"
    "SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "BUILD_DIR=${PROJECT_BINARY_DIR}"
    "CDC_SANITIZE=${CDC_SANITIZE}"
    "ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:allocator_may_return_null=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:allocator_may_return_null=1:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp")
if(CDC_SANITIZE MATCHES thread)
    # ThreadSanitizer cannot follow a fork that starts threads.
    list(APPEND CDC_TEST_ENVIRONMENT "CK_FORK=no")
endif()
# Sanitizers make everything slower; a test's own limits are multiplied by this, Check's too.
if(CDC_SANITIZE OR CDC_COVERAGE)
    set(CDC_TEST_SLOWER 4)
else()
    set(CDC_TEST_SLOWER 1)
endif()
list(APPEND CDC_TEST_ENVIRONMENT "CK_TIMEOUT_MULTIPLIER=${CDC_TEST_SLOWER}")

# cdc_test_properties(NAME LABEL SECONDS [MORE_ENVIRONMENT...])
function(cdc_test_properties name label seconds)
    math(EXPR seconds "${seconds} * ${CDC_TEST_SLOWER}")
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${seconds}
        ENVIRONMENT "${CDC_TEST_ENVIRONMENT};${ARGN}" SKIP_RETURN_CODE 77)
endfunction()

# cdc_test_program(NAME SOURCE): an executable that may use everything.
function(cdc_test_program name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE test_support wfhost_core cdc_core PkgConfig::check ${CMAKE_DL_LIBS})
    target_compile_definitions(${name} PRIVATE
        WFHOST="$<TARGET_FILE:wfhost>" PLUGIN_SO="$<TARGET_FILE:workflow-plugin-cdc>"
        SOURCE_DIR="${PROJECT_SOURCE_DIR}" BUILD_DIR="${PROJECT_BINARY_DIR}")
    if(NOT libpq_FOUND)
        target_compile_definitions(${name} PRIVATE CDC_WITHOUT_LIBPQ)
    endif()
    if(NOT rdkafka_FOUND)
        target_compile_definitions(${name} PRIVATE CDC_WITHOUT_RDKAFKA)
    endif()
    add_dependencies(${name} wfhost workflow-plugin-cdc)
    # A test may put a function of its own in the place of libc's (fsync, malloc); for the shared
    # libraries to find that, it must be visible.
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests
        C_VISIBILITY_PRESET default)
endfunction()

# cdc_test_folder(LABEL SECONDS): every *.c and *.sh of the current folder is a test.
function(cdc_test_folder label seconds)
    file(GLOB programs CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    if(NOT libpq_FOUND)
        list(FILTER programs EXCLUDE REGEX "/test_pg[^/]*\\.c$")
    endif()
    if(NOT rdkafka_FOUND)
        list(FILTER programs EXCLUDE REGEX "/test_(connect|dbz|debezium|kafka)[^/]*\\.c$")
    endif()
    foreach(source IN LISTS programs)
        cmake_path(GET source STEM name)
        cdc_test_program(${name} ${source})
        add_test(NAME ${label}/${name} COMMAND ${name})
        cdc_test_properties(${label}/${name} ${label} ${seconds})
    endforeach()
    file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.sh)
    foreach(script IN LISTS scripts)
        cmake_path(GET script STEM name)
        add_test(NAME ${label}/${name}
                 COMMAND ${PROJECT_SOURCE_DIR}/tests/support/run_script ${script}
                         ${PROJECT_BINARY_DIR}/tests/work/${label}-${name})
        cdc_test_properties(${label}/${name} ${label} ${seconds})
    endforeach()
endfunction()
