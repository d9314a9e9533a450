--- Inline completions of spark-lsp: what other plugins and your own settings may call.
local M = {}

local started = false

--- Listen for clients of spark-lsp, and define `:Spark`, `<Plug>` keys and colours. Only the first call counts.
function M.start()
  if started then
    return
  end
  started = true
  require('spark.ghost').define_colours()
  require('spark.preview').define_colours()
  require('spark.commands').create()
  require('spark.keymaps').create_plugs()
  local group = vim.api.nvim_create_augroup('spark', {})
  vim.api.nvim_create_autocmd('LspAttach', {
    group = group,
    desc = 'spark: ask for suggestions in this buffer',
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'spark_lsp' then
        require('spark.requester').attach(client, event.buf)
        require('spark.next_edit').attach(client, event.buf)
      end
    end,
  })
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    desc = 'spark: tell of a server that is not there',
    callback = function(event)
      require('spark.server').check(event.buf)
    end,
  })
  vim.schedule(function()
    require('spark.server').check(vim.api.nvim_get_current_buf())
  end)
  vim.api.nvim_create_autocmd('LspDetach', {
    group = group,
    desc = 'spark: the server is gone',
    callback = function(event)
      require('spark.requester').detach(event.buf, event.data.client_id)
      require('spark.next_edit').detach(event.buf, event.data.client_id)
    end,
  })
end

--- Settings of the editor's side, see |spark-setup|. Needed only to change something.
---@param options? spark.Options
function M.setup(options)
  require('spark.config').set(options)
  M.start()
  require('spark.keymaps').set(require('spark.config').options.keymaps)
end

--- Take the suggestion. False when none is shown.
---@return boolean
function M.accept()
  return require('spark.accept').take('all')
end

--- Take its next word.
---@return boolean
function M.accept_word()
  return require('spark.accept').take('word')
end

--- Take its next line.
---@return boolean
function M.accept_line()
  return require('spark.accept').take('line')
end

--- Show the next suggestion for this place; asks for one where none is shown.
---@return boolean
function M.next()
  return require('spark.requester').cycle(1)
end

---@return boolean
function M.previous()
  return require('spark.requester').cycle(-1)
end

--- Take the suggestion off the screen until something is typed.
---@return boolean
function M.dismiss()
  return require('spark.requester').dismiss()
end

--- Go to the next edit, or make it when the cursor is there. False when none is offered.
---@return boolean
function M.next_edit()
  return require('spark.next_edit').take()
end

--- Turn the next edit down: it stays away.
---@return boolean
function M.reject_edit()
  return require('spark.next_edit').reject()
end

--- Whether a suggestion is on the screen of the current buffer.
---@return boolean
function M.is_visible()
  return require('spark.requester').visible() ~= nil
end

--- No suggestions for so many minutes; 0 ends that.
---@param minutes? number 30 when not given
function M.snooze(minutes)
  require('spark.switch').snooze(minutes or 30)
end

--- Suggestions on or off, in all buffers; without an argument the other way round.
---@param on? boolean
function M.toggle(on)
  require('spark.switch').toggle(on)
end

--- For a statusline: who answers and how fast, or why nobody does. "" where no server is attached.
---@return string
function M.statusline()
  return require('spark.status').line()
end

--- The same as data.
---@return spark.Status
function M.status()
  return require('spark.status').current()
end

return M
