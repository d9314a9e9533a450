--- The item that is selected in a completion menu, whoever's menu it is, and not in the text yet.
local M = {}

local function builtin()
  if vim.fn.pumvisible() == 0 then
    return nil
  end
  local info = vim.fn.complete_info({ 'selected', 'items' })
  local item = info.selected >= 0 and info.items[info.selected + 1]
  return item and item.word
end

local function cmp()
  local loaded = package.loaded['cmp']
  if not loaded or not loaded.visible() then
    return nil
  end
  local entry = loaded.get_selected_entry()
  return entry and entry:get_word()
end

local function blink()
  local loaded = package.loaded['blink.cmp']
  if not loaded or not loaded.is_menu_visible() then
    return nil
  end
  local item = loaded.get_selected_item()
  return item and (item.textEdit and item.textEdit.newText or item.insertText or item.label)
end

local sources = { builtin, cmp, blink }

--- How many bytes at the end of `before` are the beginning of `word`, case apart.
local function begun(before, word)
  local low_before, low_word = before:lower(), word:lower()
  for length = math.min(#before, #word), 0, -1 do
    if low_before:sub(#before - length + 1) == low_word:sub(1, length) then
      return length
    end
  end
  return 0
end

--- The selected item as (its text, the byte column where that begins). nil when none is, or it is in the text.
---@param line string
---@param column integer of the cursor, in bytes
---@return string? text, integer? first
function M.selected(line, column)
  local before = line:sub(1, column)
  for _, source in ipairs(sources) do
    -- Another plugin's menu: whatever it does, suggestions go on.
    local fine, word = pcall(source)
    if fine and word and word ~= '' and not word:find('[\r\n]') then
      local length = begun(before, word)
      if before:sub(column - length + 1) ~= word then
        return word, column - length
      end
    end
  end
end

--- Close the menu, what is in the text stays. True when that has yet to happen.
---@return boolean
function M.close()
  if vim.fn.pumvisible() == 1 then
    local keys = vim.api.nvim_replace_termcodes('<C-x><C-z>', true, false, true)
    vim.api.nvim_feedkeys(keys, 'in', false)
    return true
  end
  local nvim_cmp, blink_cmp = package.loaded['cmp'], package.loaded['blink.cmp']
  if nvim_cmp and nvim_cmp.visible() then
    nvim_cmp.abort()
  elseif blink_cmp and blink_cmp.is_menu_visible() then
    blink_cmp.hide()
  end
  return false
end

return M
