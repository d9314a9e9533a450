--- Whether suggestions are wanted here and now.
local api = vim.api
local config = require('spark.config')

local M = {}

local snooze_timer
local snoozed_until ---@type integer?

local function changed()
  require('spark.requester').reconsider()
  require('spark.next_edit').reconsider()
  require('spark.status').changed()
end

local function stop_snoozing()
  if snooze_timer then
    snooze_timer:stop()
    snooze_timer:close()
    snooze_timer = nil
  end
  snoozed_until = nil
end

---@param minutes number
function M.snooze(minutes)
  stop_snoozing()
  if minutes > 0 then
    snoozed_until = os.time() + math.ceil(minutes * 60)
    snooze_timer = vim.defer_fn(function()
      snooze_timer = nil
      snoozed_until = nil
      changed()
    end, math.ceil(minutes * 60000))
  end
  changed()
end

---@return integer? when it ends, in seconds as `os.time` counts
function M.snoozed()
  return snoozed_until
end

---@param on? boolean
function M.toggle(on)
  if on == nil then
    on = not M.on() or snoozed_until ~= nil
  end
  config.options.enabled = on
  stop_snoozing()
  changed()
end

--- Whether they are switched on, snoozing apart.
function M.on()
  return config.options.enabled
end

--- Whether a buffer is to have them at all.
---@param buffer integer
function M.wanted_in(buffer)
  if not M.on() or snoozed_until or vim.b[buffer].spark == false then
    return false
  end
  local options = vim.bo[buffer]
  return options.modifiable and not options.readonly and config.options.filetypes[options.filetype] ~= false
end

--- Whether they may be shown at this moment: while one types text, not while a snippet's places are filled in
--- or a macro is played.
---@param buffer integer
function M.wanted_now(buffer)
  return api.nvim_get_current_buf() == buffer
    and api.nvim_get_mode().mode:sub(1, 1) == 'i'
    and M.wanted_in(buffer)
    and vim.fn.reg_executing() == ''
    and not vim.snippet.active()
end

return M
