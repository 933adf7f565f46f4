# The libraries of section 8 of the design, under the short names the rooms link.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(falsestart_library name module)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET GLOBAL ${module})
  add_library(${name} ALIAS PkgConfig::${name})
endfunction()

falsestart_library(uv libuv)
falsestart_library(curl libcurl)
falsestart_library(jansson jansson)
falsestart_library(fyaml libfyaml)
falsestart_library(pcre2 libpcre2-8)
falsestart_library(archive libarchive)
falsestart_library(hiredis hiredis)
falsestart_library(pq libpq)
falsestart_library(microhttpd libmicrohttpd)
falsestart_library(cmocka cmocka)

# jq 1.6 ships no pkg-config file.
find_path(JQ_INCLUDE_DIR jq.h REQUIRED)
find_library(JQ_LIBRARY jq REQUIRED)
add_library(jq INTERFACE)
target_include_directories(jq SYSTEM INTERFACE ${JQ_INCLUDE_DIR})
target_link_libraries(jq INTERFACE ${JQ_LIBRARY})
