-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
-- A key's new value with every request, by etcd's JSON gateway.
wrk.method = "POST"
wrk.body = '{"key": "Zm9v", "value": "YmFy"}'
wrk.headers["Content-Type"] = "application/json"
dofile((debug.getinfo(1, "S").source:sub(2):match("(.*/)") or "./") .. "wrk_json.lua")
