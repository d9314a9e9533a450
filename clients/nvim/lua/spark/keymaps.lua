--- Keys. None is taken unless it was asked for; what a key did before it still does when no suggestion is shown.
local api = vim.api

local M = {}

local actions = {
  accept = function()
    return require('spark').accept()
  end,
  accept_word = function()
    return require('spark').accept_word()
  end,
  accept_line = function()
    return require('spark').accept_line()
  end,
  next = function()
    return require('spark').next()
  end,
  previous = function()
    return require('spark').previous()
  end,
  dismiss = function()
    return require('spark').dismiss()
  end,
}

local set = {} ---@type table<string, string> action -> key
local before = {} ---@type table<string, table> key -> what it was mapped to

local function feed(keys, flags)
  api.nvim_feedkeys(api.nvim_replace_termcodes(keys, true, true, true), flags, false)
end

--- What the key did before it was ours.
local function fall_through(key)
  local mapping = before[key]
  if not mapping or vim.tbl_isempty(mapping) then
    return feed(key, 'in')
  end
  local result = mapping.rhs
  if mapping.callback then
    result = mapping.callback()
  elseif mapping.expr == 1 then
    result = api.nvim_eval(mapping.rhs)
  end
  if type(result) ~= 'string' or (mapping.callback and mapping.expr ~= 1) then
    return
  end
  local flags = mapping.noremap == 1 and 'in' or 'im'
  if mapping.expr == 1 and mapping.replace_keycodes ~= 1 then
    api.nvim_feedkeys(result, flags, false)
  else
    feed(result, flags)
  end
end

local function unset()
  for action, key in pairs(set) do
    local mapping = before[key]
    if mapping and not vim.tbl_isempty(mapping) then
      vim.fn.mapset(mapping)
    else
      pcall(vim.keymap.del, 'i', key)
    end
    set[action], before[key] = nil, nil
  end
end

--- Take these keys: all usual ones for `true`, none for `false`; in a table those that are named, else the usual one.
---@param keymaps boolean|spark.Keys
function M.set(keymaps)
  unset()
  if keymaps == false then
    return
  end
  local keys = vim.tbl_extend('force', require('spark.config').keys, keymaps == true and {} or keymaps)
  for action, key in pairs(keys) do
    if key then
      set[action] = key
      before[key] = vim.fn.maparg(key, 'i', false, true)
      -- Not an expression: that may not change the text, and what is typed meanwhile would come first.
      vim.keymap.set('i', key, function()
        if not actions[action]() then
          fall_through(key)
        end
      end, { desc = 'spark: ' .. action:gsub('_', ' ') })
    end
  end
end

--- `<Plug>(spark-accept)` and so on, for mappings of one's own.
function M.create_plugs()
  for action, run in pairs(actions) do
    local name = ('<Plug>(spark-%s)'):format((action:gsub('_', '-')))
    vim.keymap.set('i', name, run, { desc = 'spark: ' .. action:gsub('_', ' ') })
  end
end

return M
