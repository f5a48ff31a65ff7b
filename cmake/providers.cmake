# SPDX-License-Identifier: MIT
# cdc_provider(NAME [DEPENDS PACKAGE...]): builds providers/NAME/*.c into the core.
#
# PACKAGE is a pkg-config name.  Where one is missing the build goes on without that provider: it
# says so once, and the plugin answers a configuration that asks for it with the reason.  The lists
# reach C through generated/cdc_providers.h:
#
#     #define CDC_PROVIDERS(X) X(memory) X(sqlite)
#     #define CDC_PROVIDERS_MISSING(X) X(postgres, "unsupported because libpq was not found ...")
#
# Each X(name) is a `const struct cdc_provider cdc_provider_<name>`.
set_property(GLOBAL PROPERTY cdc_providers "")
set_property(GLOBAL PROPERTY cdc_providers_missing "")

function(cdc_provider name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS")
    foreach(package IN LISTS arg_DEPENDS)
        pkg_check_modules(provider_${package} QUIET IMPORTED_TARGET ${package})
        if(NOT provider_${package}_FOUND)
            message(STATUS "Provider ${name} is left out: ${package} was not found")
            set_property(GLOBAL APPEND_STRING PROPERTY cdc_providers_missing
                " \\\n    X(${name}, \"unsupported because ${package} was not found at build time\")")
            return()
        endif()
    endforeach()
    message(STATUS "Provider ${name}")
    set_property(GLOBAL APPEND_STRING PROPERTY cdc_providers " \\\n    X(${name})")
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.c)
    target_sources(cdc_core PRIVATE ${sources})
    foreach(package IN LISTS arg_DEPENDS)
        target_link_libraries(cdc_core PUBLIC PkgConfig::provider_${package})
    endforeach()
endfunction()

# Writes the header once every provider was named.
function(cdc_providers_write)
    get_property(available GLOBAL PROPERTY cdc_providers)
    get_property(missing GLOBAL PROPERTY cdc_providers_missing)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/cdc_providers.h @ONLY CONTENT
"/* Written by cmake/providers.cmake; do not edit. */
#define CDC_PROVIDERS(X)@available@

#define CDC_PROVIDERS_MISSING(X)@missing@
")
endfunction()
