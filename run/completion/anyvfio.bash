# SPDX-License-Identifier: GPL-2.0-only OR MIT
# bash completion for anyvfio(1)

_anyvfio_models() { anyvfio devices 2>/dev/null | sed -n 's/^\([a-z][^ ]*\)  .*/\1/p'; }

# The options of model $1 and of every device, with an equals sign.
_anyvfio_options() {
	anyvfio devices 2>/dev/null | awk -v model="$1" '
		/^[^ ]/ { on = $1 == model || $0 == "every device"; next }
		on { print $1 "=" }'
}

# -d MODEL,OPTION=VALUE: the equals sign ends a word of bash's.
_anyvfio_device() {
	local cur=$1 prev=$2 model
	if [[ $cur == = || $prev == = ]]; then
		[[ $cur == = ]] && cur=
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ $cur == *,* ]]; then
		model=${cur%%,*}
		mapfile -t COMPREPLY < <(compgen -P "${cur%,*}," \
			-W "$(_anyvfio_options "$model")" -- "${cur##*,}")
		compopt -o nospace
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_anyvfio_models)" -- "$cur")
		[[ $cur == */* ]] && mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o nospace
	fi
}

_anyvfio_run() {
	local cur=${COMP_WORDS[COMP_CWORD]} i word
	local options="-d --device --dma-entry-limit --noiommu --host-devices -v --verbose -q --quiet -h --help"
	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-d | --device)
			# Up to the word that no equals sign joins to the one before.
			((i++))
			while ((i < COMP_CWORD)) && [[ ${COMP_WORDS[i + 1]} == = ]]; do ((i += 2)); done
			if ((i >= COMP_CWORD)); then
				_anyvfio_device "$cur" "${COMP_WORDS[COMP_CWORD - 1]}"
				return
			fi ;;
		--dma-entry-limit) ((i++)) ;;
		--)
			((i++))
			break ;;
		-*) ;;
		*) break ;;
		esac
	done
	if ((i < COMP_CWORD)); then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif [[ $cur == -* && ${COMP_WORDS[COMP_CWORD - 1]} != -- ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	fi
}

_anyvfio_ctl() {
	local cur=${COMP_WORDS[COMP_CWORD]}
	case $COMP_CWORD in
	2) mapfile -t COMPREPLY < <(compgen -W "$(pgrep -x anyvfio)" -- "$cur") ;;
	3) mapfile -t COMPREPLY < <(compgen -W "list remove add surprise error" -- "$cur") ;;
	*)
		# A colon ends a word of bash's: what is typed of the address already.
		local typed=${COMP_LINE##* }
		mapfile -t COMPREPLY < <(compgen -W "$(anyvfio ctl "${COMP_WORDS[2]}" list 2>/dev/null |
			cut -d' ' -f1)" -- "$typed")
		[[ $typed == *:* ]] && COMPREPLY=("${COMPREPLY[@]#"${typed%:*}:"}") ;;
	esac
}

_anyvfio() {
	local cur=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "run ctl devices help --help --version" -- "$cur")
		return
	fi
	case ${COMP_WORDS[1]} in
	run) _anyvfio_run ;;
	ctl) _anyvfio_ctl ;;
	devices) mapfile -t COMPREPLY < <(compgen -W "$(_anyvfio_models)" -- "$cur") ;;
	help) mapfile -t COMPREPLY < <(compgen -W "run ctl" -- "$cur") ;;
	esac
}

complete -F _anyvfio anyvfio
