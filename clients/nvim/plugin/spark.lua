if vim.fn.has('nvim-0.11') == 0 then
  vim.notify('spark: Neovim 0.11 or later is needed', vim.log.levels.ERROR)
  return
end
require('spark').start()
